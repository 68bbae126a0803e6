#version 330 core
// Shades a synthetic photo: spherical harmonics for the surroundings, a few lamps, two shadow maps.
// Linear light, written as its square root after exposure.

in vec3 v_position;
in vec3 v_normal;
in vec2 v_uv;
in vec4 v_colour;
in vec3 v_key;
in vec3 v_sky;

const int MAX_LIGHTS = 4;
const int SKIN = 0, EYE = 1, HAIR = 2, CLOTH = 3, SHINY = 4, LENS = 5, WET = 6;

uniform int u_kind;
uniform bool u_textured;
uniform sampler2D u_texture;            // sRGB, decoded by the sampler
uniform bool u_labelled;                // take the label from the label texture
uniform sampler2D u_labels;             // label / 255
uniform int u_label;
uniform sampler2D u_grain;              // slopes of pores and threads, tiled; 0.5 is flat
uniform float u_grain_scale;
uniform float u_grain_strength;
uniform vec3 u_eye;                     // head space
uniform vec3 u_harmonics[9];            // irradiance over pi, head space
uniform int u_light_count;
uniform vec3 u_light_direction[MAX_LIGHTS];   // towards the lamp; the first casts the shadow
uniform vec3 u_light_colour[MAX_LIGHTS];
uniform sampler2DShadow u_key_shadow;
uniform sampler2DShadow u_sky_shadow;
uniform float u_key_softness;           // radius of the penumbra in the shadow map, 0..1
uniform float u_gloss;                  // of skin: 0 matt .. 1 oily
uniform float u_exposure;
uniform float u_opacity;                // of lenses

layout(location = 0) out vec4 f_colour;
layout(location = 1) out uint f_label;

vec3 surroundings(vec3 n) {
    return max(u_harmonics[0] + u_harmonics[1] * n.y + u_harmonics[2] * n.z + u_harmonics[3] * n.x
        + u_harmonics[4] * (n.x * n.y) + u_harmonics[5] * (n.y * n.z) + u_harmonics[6] * (3.0 * n.z * n.z - 1.0)
        + u_harmonics[7] * (n.x * n.z) + u_harmonics[8] * (n.x * n.x - n.y * n.y), vec3(0.0));
}

float key_light(float angle) {
    vec2 a = vec2(cos(angle), sin(angle)) * u_key_softness;
    vec2 b = vec2(-a.y, a.x);
    float z = v_key.z;
    return 0.2 * (texture(u_key_shadow, vec3(v_key.xy, z)) + texture(u_key_shadow, vec3(v_key.xy + a, z))
        + texture(u_key_shadow, vec3(v_key.xy - a, z)) + texture(u_key_shadow, vec3(v_key.xy + b * 0.6, z))
        + texture(u_key_shadow, vec3(v_key.xy - b * 0.6, z)));
}

float open_sky(float angle) {
    vec2 a = vec2(cos(angle), sin(angle)) * 0.035;
    vec2 b = vec2(-a.y, a.x) * 0.55;
    float z = v_sky.z;
    return 0.25 * (texture(u_sky_shadow, vec3(v_sky.xy + a, z)) + texture(u_sky_shadow, vec3(v_sky.xy - a, z))
        + texture(u_sky_shadow, vec3(v_sky.xy + b, z)) + texture(u_sky_shadow, vec3(v_sky.xy - b, z)));
}

// Square root of light: photo_gl.py turns it into sRGB through a table.
vec3 encoded(vec3 light) {
    return sqrt(clamp(light * (u_exposure * 0.4), 0.0, 1.0));
}

// C. Schlick's stand-in for pow(x, n), 1994.
float lobe(float x, float n) {
    return x / (n - n * x + x);
}

void main() {
    vec3 viewer = normalize(u_eye - v_position);
    vec4 texel = u_textured ? texture(u_texture, v_uv) : vec4(1.0);
#ifdef HOLES
    if (texel.a < 0.5) discard;
#endif
    vec3 albedo = v_colour.rgb * texel.rgb;
    float open = v_colour.a;
    f_label = uint(u_labelled ? int(texture(u_labels, v_uv).r * 255.0 + 0.5) : u_label);

    float turn = 6.2832 * fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.06711, 0.00584))));
    float sky = mix(0.5, 1.0, open_sky(turn)) * open;
    float shadow = key_light(turn);
    vec3 light = vec3(0.0);

    if (u_kind == HAIR) {
        vec3 along = normalize(v_normal);
        vec3 across = viewer - along * dot(viewer, along);
        vec3 facing = normalize(across + 0.35 * vec3(0.0, 1.0, 0.0));
        light = albedo * surroundings(facing) * sky;
        for (int i = 0; i < u_light_count; ++i) {
            vec3 to = u_light_direction[i];
            float reach = (i == 0 ? shadow : sky) * open;
            float s = dot(along, to);
            float round = sqrt(max(1.0 - s * s, 0.0)) * clamp(0.55 + 0.45 * dot(facing, to), 0.0, 1.0);
            vec3 half_way = normalize(to + viewer);
            float t1 = dot(normalize(along + 0.08 * facing), half_way);
            float t2 = dot(normalize(along - 0.12 * facing), half_way);
            float k1 = lobe(max(1.0 - t1 * t1, 0.0), 60.0), k2 = lobe(max(1.0 - t2 * t2, 0.0), 14.0);
            light += u_light_colour[i] * reach * (albedo * round * 0.75
                + u_gloss * (vec3(0.05) * k1 + albedo * 0.5 * k2) * clamp(0.4 + dot(facing, to), 0.0, 1.0));
        }
        f_colour = vec4(encoded(light), 1.0);
        return;
    }

    vec3 n = normalize(v_normal);
    if (!gl_FrontFacing) n = -n;
    if (u_grain_strength > 0.0) {
        vec2 slope = texture(u_grain, v_uv * u_grain_scale).rg - 0.5;
        vec3 side = normalize(cross(vec3(0.0, 1.0, 0.05), n));
        n = normalize(n + u_grain_strength * (slope.x * side + slope.y * cross(n, side)));
    }
    float grazing = 1.0 - clamp(dot(n, viewer), 0.0, 1.0);
    float grazing2 = grazing * grazing;
    float fresnel = 0.035 + 0.5 * grazing2 * grazing2 * grazing;
    vec3 mirrored = reflect(-viewer, n);

    if (u_kind == LENS) {
        vec3 glint = surroundings(mirrored) * (fresnel + 0.06) * 0.8;
        for (int i = 0; i < u_light_count; ++i)
            glint += u_light_colour[i] * smoothstep(0.955, 0.985, dot(mirrored, u_light_direction[i])) * 0.35;
        float alpha = clamp(u_opacity, 0.0, 1.0);
        vec3 glow = encoded(albedo * alpha * 0.3 + glint);
        f_colour = vec4(glow, max(alpha, clamp(max(glow.r, glow.g) * 0.5, 0.0, 0.9)));
        return;
    }

    vec3 wrap = u_kind == SKIN ? vec3(0.42, 0.22, 0.16) : u_kind == EYE ? vec3(0.3) : vec3(0.06);
    // Hollows of skin are reddish; light from below the surface carries red farthest into the shadow.
    vec3 red = u_kind == SKIN ? vec3(0.22, -0.03, -0.06) : vec3(0.0);
    light = albedo * surroundings(n) * sky * (1.0 + (1.0 - sky) * red);
    vec3 reaching = shadow * (1.0 + (1.0 - shadow) * red);
    float sharp = u_kind == SKIN ? mix(10.0, 26.0, u_gloss) : u_kind == EYE ? 300.0 : 30.0;
    float strength = u_kind == SKIN ? mix(0.05, 0.28, u_gloss) : u_kind == CLOTH ? 0.015 : u_kind == WET ? 0.12 : 0.4;
    vec3 glint = vec3(0.0);
    for (int i = 0; i < u_light_count; ++i) {
        vec3 to = u_light_direction[i];
        float facing = dot(n, to);
        vec3 reach = i == 0 ? reaching : vec3(mix(sky, 1.0, 0.3));
        light += albedo * u_light_colour[i] * reach * open * clamp((facing + wrap) / (1.0 + wrap), 0.0, 1.0);
        float h = max(dot(n, normalize(to + viewer)), 0.0);
        float shine = strength * (0.6 * lobe(h, sharp) + 0.9 * lobe(h, sharp * 4.0)) * (0.5 + 6.0 * fresnel);
        if (u_kind == EYE || u_kind == WET || u_kind == SHINY)
            shine += (u_kind == EYE ? 3.0 : 0.5) * smoothstep(0.982, 0.99, dot(mirrored, to));
        glint += u_light_colour[i] * reach * shine * clamp(4.0 * facing, 0.0, 1.0);
    }
    if (u_kind != CLOTH) {
        float mirror = u_kind == SKIN ? 0.55 * u_gloss + 0.1 : u_kind == EYE ? 0.9 : 1.0;
        glint += surroundings(mirrored) * fresnel * mirror * sky;
    }
    f_colour = vec4(encoded(light + glint), 1.0);
}
