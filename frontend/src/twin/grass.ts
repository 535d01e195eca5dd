/** Grass near the eye: tufts of three blades on a grid around it, placed by the shader. */
import { BufferAttribute, InstancedBufferAttribute, InstancedBufferGeometry } from "three";

/** Tufts in a row and in a column of the grid. */
const ACROSS = 68;

export function grassGeometry(): InstancedBufferGeometry {
  const geometry = new InstancedBufferGeometry();
  // each blade: left and right of its foot, and its tip; which of the three it is, is z
  const blades = [0, 1, 2].flatMap((k) => [-0.5, 0, k, 0.5, 0, k, 0, 1, k]);
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(blades), 3));
  const cells = new Float32Array(2 * ACROSS * ACROSS);
  for (let k = 0; k < ACROSS * ACROSS; k++) cells.set([(k % ACROSS) - ACROSS / 2, Math.floor(k / ACROSS) - ACROSS / 2], 2 * k);
  geometry.setAttribute("cell", new InstancedBufferAttribute(cells, 2));
  geometry.instanceCount = ACROSS * ACROSS;
  return geometry;
}
