#version 330 core
// Places a vertex of a synthetic photo's scene; everything is in head space (millimetres).
// Light that changes slowly is gathered here: there are fewer vertices than pixels.

layout(location = 0) in vec3 a_position;
layout(location = 1) in vec3 a_normal;   // of hair: along the strand
layout(location = 2) in vec2 a_uv;       // v down
layout(location = 3) in vec4 a_colour;   // linear tint, share of the sky seen

uniform mat4 u_view;         // head space -> eye space
uniform mat4 u_projection;   // eye space -> clip space
uniform mat4 u_key_matrix;   // head space -> the key light's shadow map, 0..1
uniform mat4 u_sky_matrix;   // head space -> the sky's shadow map, 0..1
uniform sampler2DShadow u_sky_shadow;
uniform sampler2DShadow u_key_shadow;
uniform float u_key_softness;     // radius of the penumbra in the shadow map, 0..1
#if KIND == HAIR || BROAD
uniform vec3 u_eye;
uniform float u_gloss;
#endif

#if KIND == HAIR
out vec3 v_hair;             // encoded colour
#else
#ifndef SOFT
out vec3 v_key;
#endif
out vec4 v_position;         // and the share of the sky not covered, 0.5..1, times a_colour.a
out vec4 v_normal;           // and, if SOFT, the key lamp's light that arrives, 0..1
out vec2 v_uv;
out vec4 v_colour;
#if SMOOTH
out vec3 v_around;           // light that falls in from all but the key lamp
#endif
#if BROAD
out vec3 v_glint;            // what is mirrored of all but the key lamp
#endif
#endif

// Places around the point in the sky's shadow map, in turn far and near.
const vec2 ring[5] = vec2[5](vec2(0.0289, 0.0198), vec2(-0.0117, 0.0192), vec2(-0.0346, -0.0052),
    vec2(-0.0014, -0.0224), vec2(0.0255, -0.0240));

float open_sky(vec3 at) {
    float sum = 0.0;
    for (int i = 0; i < 5; ++i) sum += textureLod(u_sky_shadow, vec3(at.xy + ring[i], at.z), 0.0);
    return sum / 5.0;
}

#if KIND == HAIR || defined(SOFT)
// Places in a disc.
const vec2 disc[8] = vec2[8](vec2(0.92, 0.38), vec2(-0.38, 0.92), vec2(-0.92, -0.38), vec2(0.38, -0.92),
    vec2(0.40, 0.40), vec2(-0.40, 0.40), vec2(-0.40, -0.40), vec2(0.40, -0.40));

float unshadowed(vec3 at, int places) {
    float sum = 0.0;
    for (int i = 0; i < places; ++i)
        sum += textureLod(u_key_shadow, vec3(at.xy + disc[i] * u_key_softness, at.z), 0.0);
    return sum / float(places);
}
#endif

#if KIND == HAIR
// J. T. Kajiya and T. L. Kay's hair, 1989, with two highlights as S. R. Marschner saw them, 2003.
vec3 hair_light(float sky, float shadow) {
    vec3 viewer = normalize(u_eye - a_position);
    vec3 along = normalize(a_normal);
    vec3 across = viewer - along * dot(viewer, along);
    vec3 facing = normalize(across + 0.35 * vec3(0.0, 1.0, 0.0));
    vec3 albedo = a_colour.rgb;
    vec3 sum = albedo * surroundings(facing) * sky;
    for (int i = 0; i < u_light_count; ++i) {
        vec3 to = u_light_direction[i];
        float s = dot(along, to);
        float round = sqrt(max(1.0 - s * s, 0.0)) * clamp(0.55 + 0.45 * dot(facing, to), 0.0, 1.0);
        vec3 half_way = normalize(to + viewer);
        float t1 = dot(normalize(along + 0.08 * facing), half_way);
        float t2 = dot(normalize(along - 0.12 * facing), half_way);
        float k1 = lobe(max(1.0 - t1 * t1, 0.0), 60.0), k2 = lobe(max(1.0 - t2 * t2, 0.0), 14.0);
        vec3 light = u_light_colour[i] * a_colour.a * (albedo * round * 0.75
            + u_gloss * (vec3(0.05) * k1 + albedo * 0.5 * k2) * clamp(0.4 + dot(facing, to), 0.0, 1.0));
        sum += light * (i == 0 ? shadow : sky);
    }
    return sum;
}
#endif

void main() {
    vec3 key = (u_key_matrix * vec4(a_position, 1.0)).xyz;
    float sky = mix(0.5, 1.0, open_sky((u_sky_matrix * vec4(a_position, 1.0)).xyz));
#if KIND == HAIR
    v_hair = encoded(hair_light(sky * a_colour.a, unshadowed(key, 4)));
#else
    sky *= a_colour.a;
    v_position = vec4(a_position, sky);
#ifdef SOFT
    v_normal = vec4(a_normal, unshadowed(key, 8));
#else
    v_key = key;
    v_normal = vec4(a_normal, 1.0);
#endif
    v_uv = a_uv;
    v_colour = a_colour;
#if SMOOTH
    vec3 n = normalize(a_normal);
    v_around = around(n, sky, a_colour.a);
#endif
#if BROAD
    vec3 viewer = normalize(u_eye - a_position);
    v_glint = vec3(0.0);
    for (int i = 1; i < u_light_count; ++i) {
        vec3 to = u_light_direction[i];
        float h = max(dot(n, normalize(to + viewer)), 0.0);
        v_glint += u_light_colour[i]
            * (mix(sky, 1.0, 0.3) * mirrored_lamp(h, sharpness(u_gloss)) * clamp(4.0 * dot(n, to), 0.0, 1.0));
    }
#endif
#endif
    gl_Position = u_projection * (u_view * vec4(a_position, 1.0));
}
