// The light of a synthetic photo's scene, for both shaders of its surfaces; head space. The kinds of surfaces.

#define SKIN 0
#define EYE 1
#define HAIR 2
#define CLOTH 3
#define SHINY 4
#define LENS 5
#define WET 6
// What is seen of these is smooth: light from around is gathered at the vertices.
#define SMOOTH (KIND == SKIN || KIND == EYE || KIND == WET || KIND == CLOTH)
// Highlights of these are broad: those of the weaker lamps are gathered at the vertices, too.
#define BROAD (KIND == SKIN || KIND == CLOTH)

const int MAX_LIGHTS = 4;
uniform vec3 u_harmonics[9];            // irradiance over pi
uniform int u_light_count;
uniform vec3 u_light_direction[MAX_LIGHTS];   // towards the lamp; the first casts the shadow
uniform vec3 u_light_colour[MAX_LIGHTS];

uniform float u_exposure;

// Square root of light: photo_gl.py turns it into sRGB through a table.
vec3 encoded(vec3 light) {
    return sqrt(clamp(light * (u_exposure * 0.4), 0.0, 1.0));
}

vec3 surroundings(vec3 n) {
    return max(u_harmonics[0] + u_harmonics[1] * n.y + u_harmonics[2] * n.z + u_harmonics[3] * n.x
        + u_harmonics[4] * (n.x * n.y) + u_harmonics[5] * (n.y * n.z) + u_harmonics[6] * (3.0 * n.z * n.z - 1.0)
        + u_harmonics[7] * (n.x * n.z) + u_harmonics[8] * (n.x * n.x - n.y * n.y), vec3(0.0));
}

// C. Schlick's stand-in for pow(x, n), 1994.
float lobe(float x, float n) {
    return x / (n - n * x + x);
}

// Light goes round the edge of a shadow by so much, and into skin.
const vec3 wrap = KIND == SKIN ? vec3(0.42, 0.22, 0.16) : KIND == EYE ? vec3(0.3) : vec3(0.06);
// Hollows of skin are reddish; light from below the surface carries red farthest into the shadow.
const vec3 red = KIND == SKIN ? vec3(0.22, -0.03, -0.06) : vec3(0.0);

vec3 falling_in(vec3 n, vec3 to) {
    return clamp((dot(n, to) + wrap) * (1.0 / (1.0 + wrap)), 0.0, 1.0);
}

// How much of a lamp a surface mirrors, h: cosine between its normal and half way to the lamp.
float mirrored_lamp(float h, float sharp) {
    return 0.6 * lobe(h, sharp) + 0.9 * lobe(h, sharp * 4.0);
}

float sharpness(float gloss) {
    return KIND == SKIN ? mix(10.0, 26.0, gloss) : KIND == EYE ? 300.0 : 30.0;
}

// Light from all but the key lamp on a surface that sees the share `sky` of the sky, `open` of it by itself.
vec3 around(vec3 n, float sky, float open) {
    vec3 light = surroundings(n) * sky * (1.0 + (1.0 - sky) * red);
    for (int i = 1; i < u_light_count; ++i)
        light += u_light_colour[i] * falling_in(n, u_light_direction[i]) * (mix(sky, 1.0, 0.3) * open);
    return light;
}
