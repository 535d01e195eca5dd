/** The Equal Earth projection (Savric, Patterson & Jenny 2019, doi:10.1080/13658816.2018.1504949), and the land drawn in it. */
import { feature } from "topojson-client";
import type { Topology } from "topojson-specification";

const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796];
const M = Math.sqrt(3) / 2;
const TALL = 1.3173627591574133;
const WIDE = 2.7066297053526;

/** The size of the map, in its own units. */
export const WIDTH = 400;
export const HEIGHT = (WIDTH * TALL) / WIDE;

/** Where a place in degrees lies on the map. */
export function project(longitude: number, latitude: number): [number, number] {
  const theta = Math.asin(M * Math.sin((latitude * Math.PI) / 180));
  const two = theta * theta;
  const six = two ** 3;
  const x = ((longitude * Math.PI) / 180) * Math.cos(theta) / (M * (A1 + 3 * A2 * two + six * (7 * A3 + 9 * A4 * two)));
  const y = theta * (A1 + A2 * two + six * (A3 + A4 * two));
  return [((x / WIDE + 1) / 2) * WIDTH, ((1 - y / TALL) / 2) * HEIGHT];
}

/** A path through points; where it goes round the back of the map the pen is lifted. */
function line(points: [number, number][]): string {
  let before = points[0]?.[0] ?? 0;
  return points
    .map(([x, y], k) => {
      const lifted = k === 0 || Math.abs(x - before) > WIDTH / 2;
      before = x;
      return `${lifted ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}

/** The outline of the earth. */
export function rim(): string {
  const right: [number, number][] = [];
  const left: [number, number][] = [];
  for (let latitude = -90; latitude <= 90; latitude += 3) {
    right.push(project(180, latitude));
    left.unshift(project(-180, latitude));
  }
  return `M${[...right, ...left].map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;
}

/** Land of the public-domain map Natural Earth, at 1:110 million, in a projection of about this one's width. */
export async function land(by: (longitude: number, latitude: number) => [number, number] = project): Promise<string> {
  const topology = (await import("world-atlas/land-110m.json")).default as unknown as Topology;
  const object = topology.objects.land;
  if (!object) return "";
  const found = feature(topology, object);
  const shapes = found.type === "FeatureCollection" ? found.features.map((one) => one.geometry) : [found.geometry];
  const rings = shapes.flatMap((shape) => (shape.type === "MultiPolygon" ? shape.coordinates.flat() : shape.type === "Polygon" ? shape.coordinates : []));
  return rings.map((ring) => line(ring.map(([x = 0, y = 0]) => by(x, y)))).join("");
}
