/** What the materials share. For people the colours are those of a plate, coded for the screen; for other eyes they are linear light with the ultraviolet as alpha. */

import { FULL_PX, MIDDLE_PX, SEEN_PX } from "./levels";
import { NOISE } from "./noise";

const glsl = (value: number): string => value.toFixed(2);

/** Places between shots, the height of the ground, noise. */
const COMMON = `
precision highp float;
precision highp sampler2D;
uniform sampler2D uGround;   // height, 0 to 1
uniform float uWidth, uRise, uTime;
const float CELLS = 128.0;
vec2 texel(vec2 place) { return (clamp(place / uWidth + 0.5, 0.0, 1.0) * CELLS + 0.5) / (CELLS + 1.0); }
float height(vec2 place) { return texture(uGround, texel(place)).r * uRise; }
${NOISE}`;
/** What grows, on which soil: the colour of the ground at a place by its cover and a coarse noise. */
const TURF = `
vec3 turf(vec4 cover, float coarse, out float grass) {
  grass = smoothstep(0.02, 0.8, cover.r + 0.26 * (coarse - 0.5));
  vec3 soil = mix(vec3(0.34, 0.21, 0.11), vec3(0.47, 0.33, 0.18), coarse);
  vec3 straw = mix(vec3(0.50, 0.39, 0.15), vec3(0.38, 0.33, 0.11), coarse);
  vec3 colour = mix(soil, mix(straw, vec3(0.185, 0.215, 0.062), smoothstep(0.25, 1.0, grass) * (0.35 + 0.65 * smoothstep(0.3, 0.75, coarse))), smoothstep(0.0, 0.45, grass));
  return mix(colour, vec3(0.10, 0.14, 0.05), 0.5 * cover.b);
}
float coarseAt(vec2 p) { return noise(p / 420.0) * 0.6 + noise(p / 130.0) * 0.4; }
`;
const LIGHT = `
uniform vec3 uSun, uSunLight, uSkyLight, uHaze;
uniform float uFar, uEyes;
layout(location = 0) out vec4 result;
/* reflectance and its ultraviolet under sun and sky; haze far off; then for the screen or for the eyes */
void lit(vec3 colour, float ultraviolet, vec3 normal, float away) {
  float sun = max(dot(normal, uSun), 0.0);
  float dim = 0.5 + 0.5 * normal.y;
  vec3 light = uSunLight * sun + uSkyLight * dim;
  float veil = 1.0 - exp(-away / uFar);
  vec3 back = colour * light;
  // on a plate bright ground keeps its colour; eyes take up the light as it is
  if (uEyes < 0.5) back *= 1.12 / (1.0 + 0.45 * back);
  vec3 seen = mix(back, uHaze, veil);
  if (uEyes > 0.5) {
    float dark = ultraviolet * (0.35 * uSunLight.b * sun + 1.2 * uSkyLight.b * dim);
    result = vec4(seen, mix(dark, 0.9 * uHaze.b, veil));
    return;
  }
  result = vec4(mix(12.92 * seen, 1.055 * pow(max(seen, 0.0), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, seen)), 1.0);
}
`;

export const GROUND_VERTEX = `${COMMON}
in float depth;
out vec3 vPlace;
out float vDepth;
void main() {
  float high = height(position.xz);
  vPlace = vec3(position.x, mix(high, -0.035 * uWidth, depth), position.z);
  vDepth = depth;
  gl_Position = projectionMatrix * viewMatrix * vec4(vPlace, 1.0);
}`;

export const GROUND_FRAGMENT = `${COMMON}${LIGHT}${TURF}
uniform sampler2D uCover;    // plants, water, trees
uniform float uMetres;       // of relief above the lowest
in vec3 vPlace;
in float vDepth;
void main() {
  vec2 p = vPlace.xz;
  float away = distance(vPlace, cameraPosition);
  if (vDepth > 0.0005) { // the cut side of the block: soil in layers
    float layer = noise(vec2((p.x + p.y) * 8.0 / uWidth, vPlace.y * 260.0 / uWidth));
    lit(mix(vec3(0.14, 0.09, 0.055), vec3(0.27, 0.18, 0.11), layer), 0.05, vec3(0.0, 0.6, 0.0), 0.0);
    return;
  }
  vec4 cover = texture(uCover, texel(p));
  float e = uWidth / CELLS;
  vec3 normal = normalize(vec3(height(p - vec2(e, 0)) - height(p + vec2(e, 0)), 2.0 * e, height(p - vec2(0, e)) - height(p + vec2(0, e))));
  float coarse = coarseAt(p);
  float near = exp(-away / 160.0);
  float blades = mix(0.5, noise(p * vec2(43.0, 37.0)), exp(-away / 7.0));
  float fine = mix(0.5, noise(p * 1.7) * 0.35 + noise(p * vec2(9.0, 7.0)) * 0.3 + blades * 0.35, near);
  float grass;
  vec3 colour = turf(cover, coarse, grass) * (0.66 + 0.68 * fine) * (0.78 + 0.44 * mix(0.5, noise(p / 23.0) * 0.6 + noise(p / 61.0) * 0.4, exp(-away / 2500.0)));
  float wet = smoothstep(0.42, 0.5, cover.g + 0.10 * (coarse - 0.5));
  float shore = smoothstep(0.30, 0.44, cover.g + 0.10 * (coarse - 0.5)) * (1.0 - wet);
  colour = mix(colour, vec3(0.42, 0.36, 0.24), 0.6 * shore);
  float ultraviolet = mix(0.08, 0.04, grass);
  if (wet > 0.0) {
    vec3 view = normalize(cameraPosition - vPlace);
    vec2 wave = vec2(noise(p / 14.0 + uTime * 0.3), noise(p / 11.0 - uTime * 0.24)) - 0.5;
    vec3 face = normalize(vec3(wave.x * 0.12, 1.0, wave.y * 0.12));
    float mirror = pow(1.0 - max(dot(view, face), 0.0), 4.0);
    float glint = pow(max(dot(reflect(-uSun, face), view), 0.0), 90.0);
    colour = mix(colour, mix(vec3(0.05, 0.16, 0.20), vec3(0.45, 0.58, 0.62), mirror) + glint * 0.7, wet);
    normal = normalize(mix(normal, face, wet));
    ultraviolet = mix(ultraviolet, 0.12 + mirror, wet);
  }
  if (uEyes < 0.5) { // contour lines, as on an engraved map
    // hills cast their shadows: the ground towards the sun, at growing steps
    float shade = 0.0, high = vPlace.y;
    vec2 way = normalize(uSun.xz) * uWidth;
    float climb = uSun.y / length(uSun.xz) * uWidth;
    for (int k = 1; k <= 5; k++) {
      float far = 0.012 * float(k * k);
      shade = max(shade, smoothstep(0.0, 0.03 * far * uWidth + 0.002 * uWidth, height(p + way * far) - high - climb * far));
    }
    // hollows hold less of the sky
    float around = 0.25 * (height(p - vec2(4.0 * e, 0)) + height(p + vec2(4.0 * e, 0)) + height(p - vec2(0, 4.0 * e)) + height(p + vec2(0, 4.0 * e)));
    colour *= (1.0 - 0.5 * shade) * (1.0 - 0.45 * clamp((around - high) / (3.0 * e), -0.25, 0.8));
    float level = texture(uGround, texel(p)).r * uMetres / 20.0;
    float line = 1.0 - smoothstep(0.0, 1.1, abs(fract(level - 0.5) - 0.5) / max(fwidth(level), 1e-4));
    colour *= 1.0 - 0.16 * line * (1.0 - wet) * smoothstep(0.05 * uWidth, 0.4 * uWidth, away);
  }
  lit(colour, ultraviolet, normal, away);
}`;

/** A tree nearer to the camera than this gives way, and is whole from farther off than the second, metres. */
const CLOSE_M = [10, 20] as const;

export const BODY_VERTEX = `${COMMON}
in float part;
in vec3 soft;
in vec4 old, young, kind;
uniform sampler2D uSpecies;  // rows: colour and length; coat and ultraviolet; marks and ultraviolet; pattern, period, what is on its head
uniform float uT, uLeast, uOnly, uLevel;
uniform float uFocal;        // pixels a radian
uniform vec4 uSelf;          // id of the body that looks is not drawn: its x, z and how near is itself
uniform vec4 uClear;         // trees do not hide this place from the camera: x, y, z; 0 where they stay as they are
out vec3 vLocal, vShape, vColour, vSoft, vView;
flat out float vShown;       // the share of a tree that is left
out vec4 vGround, vMarks;
out float vPart, vAway, vPeriod;
flat out int vPattern;
out float vNear, vChance;
uniform vec3 uSun, uSunLight;
flat out vec2 vKeep;         // the share of its pixels that this level draws: levels of a body share them out
void main() {
  vec2 a = old.xy, b = old.zw, c = young.xy, d = young.zw;
  vec2 place = b + 0.5 * uT * (c - a + uT * (2.0 * a - 5.0 * b + 4.0 * c - d + uT * (3.0 * (b - c) + d - a)));
  vec2 way = c - a + uT * (4.0 * a - 10.0 * b + 8.0 * c - 2.0 * d + uT * 3.0 * (3.0 * (b - c) + d - a));
  int species = int(kind.y + 0.5);
  vec4 looks = texelFetch(uSpecies, ivec2(species, 0), 0);
  vGround = texelFetch(uSpecies, ivec2(species, 1), 0);
  vMarks = texelFetch(uSpecies, ivec2(species, 2), 0);
  vec4 more = texelFetch(uSpecies, ivec2(species, 3), 0);
  float away = distance(cameraPosition, vec3(place.x, height(place), place.y));
  float own = looks.a * (0.85 + 0.3 * kind.w), least = uLeast * away * (species == 255 ? 0.5 : 0.8 + 0.13 * log2(1.0 + looks.a));
  float size = max(own, least);
  float px = size * uFocal / away;
  float full = smoothstep(${glsl(FULL_PX[0])}, ${glsl(FULL_PX[1])}, px), middle = smoothstep(${glsl(MIDDLE_PX[0])}, ${glsl(MIDDLE_PX[1])}, px);
  float seen = uLeast > 0.0 ? 1.0 : smoothstep(${glsl(SEEN_PX[0])}, ${glsl(SEEN_PX[1])}, px);
  vKeep = uLevel < 0.5 ? vec2(0.0, full) : uLevel < 1.5 ? vec2(full, middle) : vec2(middle, seen);
  float turn = kind.z * 2.399 + kind.w * 1.5;
  place += size * (1.3 + 0.4 * kind.w) * sqrt(kind.z) * vec2(cos(turn), sin(turn));
  float gait = dot(way, way) > 1.0 ? 1.0 : 0.0;
  float heading = gait > 0.5 ? atan(way.y, way.x) : kind.x;
  heading += (kind.w - 0.5) * 0.5;
  bool tree = species == 255, shadow = part > 2.5 && part < 3.5;
  // no two crowns alike: wide or narrow, flat or high
  vec3 shape = position * (tree ? mix(vec3(0.86, 1.06, 0.86), vec3(1.14, 0.92, 1.14), fract(kind.w * 7.31)) : vec3(1.0));
  // who has an ox's horns, or none, holds its head low: the one is broad, the other has short legs
  if (!tree && !shadow && abs(more.z - 1.0) > 0.5 && more.z < 2.5) {
    shape.y -= 0.55 * max(shape.x - 0.3, 0.0);
    shape *= more.z > 0.5 ? vec3(1.0, 0.96, 1.25) : vec3(0.92, 0.8, 1.2);
  }
  bool bare = part > 4.5 && part < 7.5 && abs(part - 4.0 - more.z) > 0.5;
  if (abs(part) > 0.5 && abs(part) < 1.5) {
    float swing = gait * 0.35 * sin(uTime * 7.0 + kind.w * 40.0 + part * 1.57);
    shape.x += swing * (0.4 - min(shape.y, 0.4));
  }
  float s = sin(heading), k = cos(heading);
  vec3 turned = vec3(shape.x * k - shape.z * s, shape.y, shape.x * s + shape.z * k) * size;
  bool self = uSelf.z > 0.0 && kind.z < 0.5 && distance(place, uSelf.xy) < uSelf.z;
  vec3 stand = vec3(place.x, height(place), place.y), world = stand + turned;
  // a shadow lies away from the sun, longer where that is low
  if (shadow) {
    world.xz -= uSun.xz / max(uSun.y, 0.3) * size * (tree ? 0.35 : 0.22);
    world.y += height(world.xz) - stand.y;
  }
  // a tree gives way that stands before the camera, or between it and whom it goes with
  vShown = 1.0;
  if (tree && uClear.w > 0.0) {
    vec3 crown = stand + vec3(0.0, 0.6 * size, 0.0) - cameraPosition, line = uClear.xyz - cameraPosition;
    float along = dot(crown, line) / max(dot(line, line), 1e-6);
    float hides = (1.0 - smoothstep(size + 2.0, 2.0 * size + 2.0, distance(crown, clamp(along, 0.0, 1.0) * line))) * (1.0 - smoothstep(0.8, 1.0, along));
    vShown = min(1.0 - hides, smoothstep(${glsl(CLOSE_M[0])}, ${glsl(CLOSE_M[1])}, length(crown)));
  }
  vSoft = vec3(soft.x * k - soft.z * s, soft.y, soft.x * s + soft.z * k);
  vView = cameraPosition - world;
  vNear = smoothstep(1.0, 3.0, own / max(least, 1e-6));
  vChance = kind.w;
  vLocal = turned;
  vShape = shape;
  // a shadow's share of the way to its edge
  if (shadow) vShape.xz = position.xz * (tree ? vec2(1.54, 1.67) : vec2(1.8, 3.9));
  vPart = part;
  vAway = away;
  vColour = looks.rgb;
  if (uOnly >= 0.0 && abs(uOnly - kind.y) > 0.5) vColour = mix(vColour, vec3(0.35), 0.85);
  vPattern = int(more.x + 0.5);
  vPeriod = more.y / size;
  gl_Position = self || bare || vKeep.x >= vKeep.y || (vShown < 0.01 && !shadow) ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * viewMatrix * vec4(world, 1.0);
}`;

export const BODY_FRAGMENT = `${COMMON}${LIGHT}
uniform float uLevel;
in vec3 vLocal, vShape, vColour, vSoft, vView;
flat in float vShown;
in vec4 vGround, vMarks;
in float vPart, vAway, vPeriod, vNear, vChance;
flat in int vPattern;
flat in vec2 vKeep;
void main() {
  vec3 flatly = normalize(cross(dFdx(vLocal), dFdy(vLocal)));
  bool leafy = vPart > 3.5 && vPart < 4.5, rounded = dot(vSoft, vSoft) > 0.01;
  vec3 normal = rounded ? normalize(vSoft) * (dot(vSoft, flatly) < 0.0 && !leafy ? -1.0 : 1.0) : flatly;
  // gradient noise of pixels (Jimenez 2014): one level fades into the next
  float share = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
  bool other = share < vKeep.x || share >= vKeep.y;
  if (vPart > 2.5 && vPart < 3.5) {
    // thinner towards its edge: laid over the ground on the plate, strewn for eyes
    float edge = length(vShape.xz) + (vPeriod > 0.0 ? 0.0 : 0.3 * (noise(vShape.xz * 2.6 + vChance * 31.0) - 0.5));
    float deep = 1.0 - smoothstep(0.35, 1.0, edge);
    if (other || (uEyes > 0.5 ? share > 0.9 * deep : deep < 0.01)) discard;
    lit(vec3(0.07, 0.068, 0.035), 0.02, vec3(0.0, 1.0, 0.0), vAway);
    if (uEyes < 0.5) result.a = 0.55 * deep * (0.45 + 0.55 * vShown);
    return;
  }
  float leaf = 0.5;
  if (leafy && uLevel < 0.5) {
    // a crown ends in leaves: thin where it turns away, and here and there from below
    vec2 twig = vShape.xz + vShape.y * vec2(0.71, 0.53) + vChance * 5.0;
    leaf = 0.3 * noise(twig * 15.0) + 0.35 * noise(twig * 41.0) + 0.35 * noise(twig * 97.0);
    float facing = dot(normal, normalize(vView));
    if (abs(facing) < 0.85 * leaf - 0.2 || (normal.y < -0.2 && leaf > 0.62)) discard;
    normal = normalize(normal + vec3(0.0, 0.35, 0.0) + 0.6 * (leaf - 0.5) * vec3(0.5, 1.0, -0.4));
  }
  vec4 coat = leafy ? vec4(mix(vec3(0.10, 0.145, 0.045), vec3(0.175, 0.165, 0.045), fract(vChance * 3.7)) * (0.72 + 0.5 * vChance) * (0.5 + 0.8 * smoothstep(0.62, 0.98, vShape.y)) * (0.45 + 1.1 * leaf) * (normal.y < 0.0 ? 0.62 : 1.0), 0.04) : vGround;
  float marks = 0.0;
  // marks of a plate are drawn coarser than they are, for eyes as they are
  float period = uEyes > 0.5 ? vPeriod : 2.6 * vPeriod;
  if (vPattern == 1) {
    float phase = vShape.x / period + 0.6 * sin(vShape.y * 9.0);
    float soft = fwidth(phase);
    marks = mix(smoothstep(0.45, 0.55, abs(fract(phase) - 0.5) * 2.0), 0.5, clamp(soft * 1.6 - 0.2, 0.0, 1.0));
  } else if (vPattern == 2) {
    vec2 at = vec2(vShape.x + vShape.z, vShape.y * 1.2) / period;
    vec2 cell = fract(at + vec2(0.5 * mod(floor(at.y), 2.0), 0.0)) - 0.5;
    float soft = length(fwidth(at));
    marks = mix(1.0 - smoothstep(0.28, 0.36, length(cell)), 0.28, clamp(soft * 1.4 - 0.2, 0.0, 1.0));
  }
  // the pixels that a tree in the way gives up are others than those that a level does
  if (other || fract(52.9829189 * fract(dot(gl_FragCoord.yx + 31.7, vec2(0.06711056, 0.00583715)))) >= vShown) discard;
  coat = mix(coat, vMarks, vPart > 7.5 && vPart < 8.5 ? 0.7 : vPart > 4.5 && vPart < 5.5 ? max(marks, 0.6) : marks);
  if (vPart > 5.5 && vPart < 7.5) coat.rgb = vec3(0.07, 0.06, 0.05);
  if (vPart > 8.5) coat.rgb = vec3(0.75, 0.7, 0.58);
  // from afar in the colours of the legend; nearby in its coat, with a trace of them
  vec3 plate = leafy || (vPart > 5.5 && abs(vPart - 8.0) > 0.5) ? coat.rgb : mix(vColour * mix(1.0, clamp(3.0 * coat.g, 0.12, 1.0), vNear), coat.rgb, 0.88 * vNear) * (0.55 + 0.25 * smoothstep(0.0, 0.6, vShape.y));
  lit(uEyes > 0.5 ? coat.rgb : plate, coat.a, normal, vAway);
}`;

export const SKY_VERTEX = `
out vec3 vWay;
void main() {
  vWay = position;
  vec4 at = projectionMatrix * mat4(mat3(viewMatrix)) * vec4(position, 1.0);
  gl_Position = at.xyww;
}`;

export const SKY_FRAGMENT = `
precision highp float;
uniform vec3 uSun, uSunLight, uSkyLight, uHaze;
uniform float uTime;
in vec3 vWay;
layout(location = 0) out vec4 result;
${NOISE}
void main() {
  vec3 way = normalize(vWay);
  vec3 top = uSkyLight * vec3(0.5, 0.75, 1.15);
  vec3 colour = mix(uHaze, top, smoothstep(0.0, 0.5, way.y));
  float glare = pow(max(dot(way, uSun), 0.0), 900.0) + 0.08 * pow(max(dot(way, uSun), 0.0), 12.0);
  // fair-weather clouds on a ceiling, thinner towards the zenith, lost in the haze
  vec2 p = way.xz / max(way.y, 0.02) * 1.6 + uTime * 0.006;
  float heap = noise(p) * 0.5 + noise(p * 2.3 + 7.0) * 0.28 + noise(p * 5.1 + 3.0) * 0.14 + noise(p * 11.0) * 0.08;
  float cloud = smoothstep(0.5, 0.74, heap) * smoothstep(0.02, 0.2, way.y);
  colour = mix(colour, uSkyLight * 0.75 + uSunLight * (0.42 - 0.2 * smoothstep(0.6, 0.9, heap)), 0.85 * cloud);
  colour += uSunLight * glare * 0.5 * (1.0 - 0.7 * cloud);
  result = vec4(colour, 0.95 * colour.b);
}`;

/** Tufts of grass on a grid that goes with whoever looks: the graphics card alone places them, so they cost the page nothing. */
export const GRASS_VERTEX = `${COMMON}${TURF}
in vec2 cell;
uniform sampler2D uCover;
uniform vec3 uAround;        // where tufts stand: x, z, and the width of a cell
out vec3 vColour;
out float vAway, vUp;
void main() {
  vec2 at = floor(uAround.xy / uAround.z) + cell;
  vec2 by = vec2(dice(at), dice(at + 71.3));
  vec2 foot = (at + by) * uAround.z;
  float kept = dice(at + 13.7);
  vec4 cover = texture(uCover, texel(foot));
  float grass;
  float coarse = coarseAt(foot);
  vec3 colour = turf(cover, coarse, grass);
  vec3 base = vec3(foot.x, height(foot), foot.y);
  float away = distance(base, cameraPosition);
  float reach = 34.0 * uAround.z;
  float room = smoothstep(reach, 0.6 * reach, distance(foot, uAround.xy)) * step(max(abs(foot.x), abs(foot.y)), 0.5 * uWidth);
  float tall = (0.3 + 0.75 * grass * kept) * min(uAround.z, 2.0) * room * step(cover.g, 0.36) * step(0.25, grass + 0.35 * kept);
  float turn = 6.283 * kept + 2.1 * position.z;
  float lean = position.y * position.y * (0.35 + 0.4 * by.x + 0.1 * sin(uTime * 1.6 + foot.x * 0.7 + foot.y * 0.4));
  vec3 blade = vec3(cos(turn) * (position.x * 0.12 + lean * 0.5), position.y, sin(turn) * (position.x * 0.12 + lean * 0.5)) * tall;
  blade.xz += vec2(-sin(turn), cos(turn)) * position.x * 0.16 * tall;
  vColour = colour * (0.8 + 0.5 * by.y);
  vAway = away;
  vUp = position.y;
  gl_Position = tall < 0.02 ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * viewMatrix * vec4(base + blade, 1.0);
}`;

export const GRASS_FRAGMENT = `${COMMON}${LIGHT}
in vec3 vColour;
in float vAway, vUp;
void main() {
  lit(vColour * (0.55 + 0.95 * vUp), 0.04, vec3(0.0, 1.0, 0.0), vAway);
}`;
