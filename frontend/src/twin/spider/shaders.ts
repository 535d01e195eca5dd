/** Materials of the micro-scene, as light: linear red, green, blue, and ultraviolet as alpha. */

import { NOISE as PLAIN_NOISE } from "../noise";

const NOISE = `precision highp float;${PLAIN_NOISE}`;
const LIT = `
uniform vec3 uSun, uSunLight, uSkyLight, uHaze;
layout(location = 0) out vec4 result;
/* a matt surface under sun and sky; far off all is lost among blades and stalks */
const vec3 DEEP = vec3(0.055, 0.085, 0.025);
void lit(vec4 colour, vec3 normal, float away) {
  float sun = max(dot(normal, uSun), 0.0);
  float dim = 0.5 + 0.5 * normal.y;
  vec3 light = uSunLight * sun + uSkyLight * dim;
  float veil = 1.0 - exp(-away / 90.0);
  float dark = colour.a * (0.35 * uSunLight.b * sun + 1.2 * uSkyLight.b * dim);
  result = vec4(mix(colour.rgb * light, DEEP, veil), mix(dark, 0.02, veil));
}
`;

export const PLAIN_VERTEX = `
in vec4 tint;
out vec3 vPlace;
out vec4 vTint;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  vPlace = world.xyz;
  vTint = tint;
  gl_Position = projectionMatrix * viewMatrix * world;
}`;

export const BLADE_VERTEX = `
in vec4 where, how;   // foot and height; turn, breadth, bend, chance
uniform float uTime;
out vec3 vPlace;
out vec4 vTint;
void main() {
  float up = position.y;
  float sway = how.z + 0.06 * sin(uTime * 1.3 + how.w * 40.0);
  vec2 way = vec2(cos(how.x), sin(how.x));
  vec2 across = vec2(-way.y, way.x);
  vec3 world = where.xyz + vec3(0.0, up * where.w * (1.0 - 0.25 * sway * up), 0.0);
  world.xz += way * sway * up * up * where.w * 0.7 + across * position.x * how.y;
  vPlace = world;
  vec3 green = mix(vec3(0.09, 0.17, 0.025), vec3(0.34, 0.33, 0.09), how.w * how.w);
  vTint = vec4(green * (0.55 + 0.45 * up), 0.04);
  gl_Position = projectionMatrix * viewMatrix * vec4(world, 1.0);
}`;

export const TINT_FRAGMENT = `${NOISE}${LIT}
in vec3 vPlace;
in vec4 vTint;
void main() {
  vec3 normal = normalize(cross(dFdx(vPlace), dFdy(vPlace)));
  float away = distance(vPlace, cameraPosition);
  if (dot(normal, cameraPosition - vPlace) < 0.0) normal = -normal;
  float grain = mix(1.0, 0.75 + 0.5 * noise(vPlace.xz * 5.0 + vPlace.y * 3.0), exp(-away / 25.0));
  lit(vec4(vTint.rgb * grain, vTint.a), normal, away);
}`;

export const BARK_FRAGMENT = `${NOISE}${LIT}
in vec3 vPlace;
in vec4 vTint;
void main() {
  vec3 normal = normalize(cross(dFdx(vPlace), dFdy(vPlace)));
  float away = distance(vPlace, cameraPosition);
  if (dot(normal, cameraPosition - vPlace) < 0.0) normal = -normal;
  vec2 p = vPlace.xz;
  float fibres = noise(vec2(p.x * 3.0, p.y * 26.0)) * 0.6 + noise(vec2(p.x * 14.0, p.y * 70.0)) * 0.4;
  float pores = noise(p * 38.0);
  float patches = noise(p * 0.55 + 3.0);
  float fine = mix(0.5, fibres * 0.7 + pores * 0.3, exp(-away / 9.0));
  vec4 bark = vec4(mix(vec3(0.14, 0.09, 0.055), vec3(0.36, 0.27, 0.18), fine) * (0.75 + 0.5 * patches), 0.06);
  float deep = smoothstep(-0.05, -0.55, vPlace.y + 0.055 * p.y * p.y);
  bark.rgb *= 1.0 - 0.55 * deep;
  // lichen: pale, and bright in the ultraviolet
  float lichen = smoothstep(0.62, 0.7, noise(p * 0.9 + 11.0) + 0.18 * (noise(p * 6.0) - 0.5)) * (1.0 - deep);
  bark = mix(bark, vec4(0.34, 0.38, 0.26, 0.30) * (0.7 + 0.6 * fine), 0.85 * lichen);
  lit(bark, normal, away);
}`;

export const MICRO_SKY_VERTEX = `
out vec3 vWay;
void main() {
  vWay = position;
  gl_Position = (projectionMatrix * mat4(mat3(viewMatrix)) * vec4(position, 1.0)).xyww;
}`;

export const MICRO_SKY_FRAGMENT = `${NOISE}
uniform vec3 uSun, uSunLight, uSkyLight, uHaze;
in vec3 vWay;
layout(location = 0) out vec4 result;
void main() {
  vec3 way = normalize(vWay);
  vec3 top = uSkyLight * vec3(0.5, 0.75, 1.15);
  // behind the blades stands what grows beyond: dark below, open above
  float edge = 0.16 + 0.16 * noise(vec2(atan(way.z, way.x) * 9.0, 1.0)) + 0.05 * noise(vec2(atan(way.z, way.x) * 60.0, 5.0));
  vec3 colour = mix(uHaze * vec3(0.9, 0.95, 1.1), top, smoothstep(0.1, 0.7, way.y));
  float sun = pow(max(dot(way, uSun), 0.0), 700.0) + 0.08 * pow(max(dot(way, uSun), 0.0), 12.0);
  colour += uSunLight * sun * 0.5;
  float grown = 1.0 - smoothstep(edge - 0.05, edge, way.y);
  vec3 green = vec3(0.07, 0.115, 0.03) * (0.7 + 0.6 * noise(vec2(atan(way.z, way.x) * 40.0, way.y * 30.0)));
  result = vec4(mix(colour, green, grown), mix(0.95 * colour.b, 0.02, grown));
}`;
