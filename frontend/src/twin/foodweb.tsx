/** The food web: what grows at the left, what eats it further right; lines as wide as what flows along them, drawn by how the link is known. */
import { capital, figure, t, word } from "../words";
import type { Flow, Foresight, Foreseen } from "./foresight";
import { MARKS, way } from "./foresight";

interface Props {
  found: Foresight;
  colours: Map<string, string>;
  only: string | null;
  setOnly(name: string | null): void;
}
interface Node {
  at: number;
  one: Foreseen;
  x: number;
  y: number;
  r: number;
}

/** Its width, and where the first and the last column stand; on a phone names stay as large. */
const ROOMY = { wide: 620, left: 118, right: 500 };
const NARROW = { wide: 410, left: 98, right: 302 };
type Room = typeof ROOMY;
const room = (): Room => (matchMedia("(max-width: 600px)").matches ? NARROW : ROOMY);
const ROW = 25;
const TOP = 30;
/** How wide a letter of a name is, about. */
const LETTER = 6.6;
/** The same where there is little room: few letters are as wide. */
const TIGHT = 5.6;
/** Between the first column and the second, at least. */
const FIRST_GAP = 70;

/** A place for each species: across by level, down in the order of what it eats. */
function placed(found: Foresight, space: Room): { nodes: Node[]; wide: number; high: number } {
  const floors = new Map<number, number[]>();
  found.species.forEach((one, at) => {
    const floor = Math.round(one.level);
    floors.set(floor, [...(floors.get(floor) ?? []), at]);
  });
  const keys = [...floors.keys()].sort((a, b) => a - b);
  // names at both ends stay inside
  const marked = found.species.some((one) => one.effect) ? 2.5 : 0;
  const longest = (floor: number): number => marked + Math.max(...(floors.get(floor) ?? []).map((at) => (found.species[at] as Foreseen).common.length));
  const letter = space === NARROW ? TIGHT : LETTER;
  const left = Math.max(space.left, 22 + LETTER * longest(keys[0] as number));
  const last = 34 + letter * longest(keys.at(-1) as number);
  // names of a column end before the next one begins, if the whole must grow for it
  const gaps = keys.slice(0, -1).map((floor, k) => (k ? 24 + letter * longest(floor) : FIRST_GAP));
  const least = gaps.reduce((sum, gap) => sum + gap, 0);
  const right = Math.max(Math.min(space.right, space.wide - last), left + least);
  const even = (right - left) / Math.max(gaps.length, 1);
  const steps = gaps.every((gap) => gap <= even) ? gaps.map(() => even) : gaps.map((gap) => (gap * (right - left)) / least);
  const rows = Math.max(...[...floors.values()].map((own) => own.length));
  const high = TOP + rows * ROW + 14;
  const down = new Map<number, number>();
  const nodes: Node[] = [];
  for (const [column, floor] of keys.entries()) {
    const own = floors.get(floor) as number[];
    const food = (at: number): number => {
      const eaten = found.links.filter((link) => link.eater === at && down.has(link.eaten));
      const all = eaten.reduce((sum, link) => sum + link.flow, 0);
      return all > 0 ? eaten.reduce((sum, link) => sum + (link.flow * (down.get(link.eaten) as number)) / all, 0) : 0;
    };
    const order = column ? own.toSorted((a, b) => food(a) - food(b)) : own;
    order.forEach((at, k) => {
      const y = TOP + ((k + 0.5) * (high - TOP - 14)) / order.length;
      down.set(at, y);
      const one = found.species[at] as Foreseen;
      const now = (one.scenario ?? one.baseline)[2]?.at(-1) ?? 0;
      const x = left + steps.slice(0, column).reduce((sum, step) => sum + step, 0);
      nodes.push({ at, one, x, y, r: 3.2 + 1.15 * Math.log10(1 + 1e4 * Math.max(now, 0)) });
    });
  }
  return { nodes, wide: Math.max(space.wide, right + last), high };
}

export function FoodWeb({ found, colours, only, setOnly }: Props) {
  const { nodes, wide, high } = placed(found, room());
  const where = new Map(nodes.map((node) => [node.at, node]));
  const most = Math.max(...found.links.map((link) => link.flow), 1e-9);
  const chosen = nodes.find((node) => node.one.name === only)?.at ?? -1;
  const drawn = found.links.toSorted((a, b) => a.flow - b.flow);
  const told = (link: Flow): string =>
    t("twin.web.link", {
      eater: where.get(link.eater)?.one.common ?? "",
      eaten: where.get(link.eaten)?.one.common ?? "",
      flow: figure(link.flow),
      how: word("twin.evidence", link.evidence),
    }) + (link.changed_flow === null ? "" : ` ${t("twin.web.changed", { flow: figure(link.changed_flow) })}`);
  return (
    <figure class="foodweb">
      <svg viewBox={`0 0 ${wide} ${high}`} role="img" aria-label={t("twin.web.label", { species: figure(nodes.length), links: figure(found.links.length) })}>
        {drawn.map((link) => {
          const [a, b] = [where.get(link.eaten), where.get(link.eater)];
          if (!a || !b) return null;
          const width = 0.7 + 7 * Math.sqrt((link.changed_flow ?? link.flow) / most);
          const bend = (a.x + b.x) / 2;
          const near = chosen < 0 || link.eater === chosen || link.eaten === chosen;
          return (
            <path key={`${link.eater} ${link.eaten}`} class={`link ${link.evidence}${near ? "" : " faint"}`} stroke-width={Math.min(width, 8).toFixed(2)} d={`M${a.x} ${a.y}C${bend} ${a.y} ${bend} ${b.y} ${b.x} ${b.y}`}>
              <title>{told(link)}</title>
            </path>
          );
        })}
        {nodes.map(({ at, one, x, y, r }) => {
          const went = way(one.effect);
          const first = x === nodes[0]?.x;
          const near = chosen < 0 || at === chosen || found.links.some((link) => (link.eater === at && link.eaten === chosen) || (link.eaten === at && link.eater === chosen));
          return (
            <g key={one.name} class={`node ${went}${near ? "" : " faint"}`} data-species={one.name} onClick={() => setOnly(one.name === only ? null : one.name)}>
              <circle class="ring" cx={x} cy={y} r={r + 3} />
              <circle cx={x} cy={y} r={r} fill={colours.get(one.name)} />
              <text x={first ? x - r - 7 : x + r + 7} y={y + 4.5} text-anchor={first ? "end" : "start"}>
                {capital(one.common)} {MARKS[went]}
              </text>
            </g>
          );
        })}
        {found.warnings.length ? (
          <text class="beyond" x={wide - 6} y={16} text-anchor="end">
            {t("twin.beyond")}
          </text>
        ) : null}
      </svg>
      <figcaption>
        <span class="keys">
          {(["observed", "inferred", "assumed"] as const).map((grade) => (
            <span key={grade}>
              <svg viewBox="0 0 30 8" aria-hidden="true">
                <path class={`link ${grade}`} d="M1 4H29" stroke-width="2" />
              </svg>
              {word("twin.evidence", grade)}
            </span>
          ))}
        </span>
        {t("twin.web.caption")}
      </figcaption>
    </figure>
  );
}
