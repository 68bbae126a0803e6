#version 330 core
// Shades a synthetic photo: spherical harmonics for the surroundings, a few lamps, two shadow maps.
// Linear light, written as its square root after exposure. Of hair all was gathered at the vertices.
// Each KIND of surface is a program of its own: a software driver runs all branches of one that chooses.

#if KIND == HAIR
in vec3 v_hair;
#else
#ifndef SOFT
in vec3 v_key;
#endif
in vec4 v_position;
in vec4 v_normal;
in vec2 v_uv;
in vec4 v_colour;
#if SMOOTH
in vec3 v_around;
#endif
#if BROAD
in vec3 v_glint;
#endif
#endif

uniform sampler2D u_texture;            // square root of linear light
uniform sampler2D u_labels;             // label / 255
uniform int u_label;
uniform sampler2D u_grain;              // slopes of pores and threads, tiled; 0.5 is flat
uniform float u_grain_scale;
uniform float u_grain_strength;
uniform vec3 u_eye;                     // head space
uniform sampler2DShadow u_key_shadow;
uniform float u_key_softness;           // radius of the penumbra in the shadow map, 0..1
uniform float u_gloss;                  // of skin: 0 matt .. 1 oily
uniform float u_opacity;                // of lenses

layout(location = 0) out vec4 f_colour;
layout(location = 1) out uint f_label;

#if KIND == HAIR

void main() {
    f_label = uint(u_label);
    f_colour = vec4(v_hair, 1.0);
}

#else

#ifndef SOFT
float lit(vec2 aside) {
    return textureLod(u_key_shadow, vec3(v_key.xy + aside, v_key.z), 0.0);
}

// Light of the key lamp that arrives, 0..1, around a direction that differs from pixel to pixel.
float unshadowed() {
    float angle = 6.2832 * fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.06711, 0.00584))));
    vec2 a = vec2(cos(angle), sin(angle)) * u_key_softness;
    vec2 b = vec2(-a.y, a.x) * 0.6;
    return 0.25 * (lit(a) + lit(-a) + lit(b) + lit(-b));
}
#endif

void main() {
    vec3 viewer = normalize(u_eye - v_position.xyz);
#ifdef TEXTURED
    vec4 texel = texture(u_texture, v_uv);
#ifdef HOLES
    if (texel.a < 0.5) discard;
#endif
    vec3 albedo = v_colour.rgb * (texel.rgb * texel.rgb);
#else
    vec3 albedo = v_colour.rgb;
#endif
    float open = v_colour.a;
#ifdef LABELLED
    f_label = uint(textureLod(u_labels, v_uv, 0.0).r * 255.0 + 0.5);
#else
    f_label = uint(u_label);
#endif

    vec3 n = normalize(v_normal.xyz);
    if (!gl_FrontFacing) n = -n;
#ifdef GRAIN
    vec2 slope = texture(u_grain, v_uv * u_grain_scale).rg - 0.5;
    vec3 side = normalize(cross(vec3(0.0, 1.0, 0.05), n));
    n = normalize(n + u_grain_strength * (slope.x * side + slope.y * cross(n, side)));
#endif
    float grazing = 1.0 - clamp(dot(n, viewer), 0.0, 1.0);
    float grazing2 = grazing * grazing;
    float fresnel = 0.035 + 0.5 * grazing2 * grazing2 * grazing;
    vec3 mirrored = reflect(-viewer, n);

#if KIND == LENS
    vec3 glint = surroundings(mirrored) * (fresnel + 0.06) * 0.8;
    for (int i = 0; i < u_light_count; ++i)
        glint += u_light_colour[i] * smoothstep(0.955, 0.985, dot(mirrored, u_light_direction[i])) * 0.35;
    float alpha = clamp(u_opacity, 0.0, 1.0);
    vec3 glow = encoded(albedo * alpha * 0.3 + glint);
    f_colour = vec4(glow, max(alpha, clamp(max(glow.r, glow.g) * 0.5, 0.0, 0.9)));
#else
#ifdef SOFT
    float shadow = v_normal.w;
#else
    float shadow = unshadowed();
#endif
    float sky = v_position.w;
#if SMOOTH
    vec3 light = v_around;
#else
    vec3 light = around(n, sky, open);
#endif
    vec3 reach = shadow * (1.0 + (1.0 - shadow) * red);
    light += u_light_colour[0] * reach * open * falling_in(n, u_light_direction[0]);
    float sharp = sharpness(u_gloss);
    float strength = KIND == SKIN ? mix(0.05, 0.28, u_gloss) : KIND == CLOTH ? 0.015 : KIND == WET ? 0.12 : 0.4;
    strength *= 0.5 + 6.0 * fresnel;
#if BROAD
    vec3 glint = v_glint * strength;
    const int lamps = 1;
#else
    vec3 glint = vec3(0.0);
    int lamps = u_light_count;
#endif
    for (int i = 0; i < lamps; ++i) {
        vec3 to = u_light_direction[i];
        vec3 half_way = to + viewer;
        float h = max(dot(n, half_way) * inversesqrt(dot(half_way, half_way)), 0.0);
        float shine = strength * mirrored_lamp(h, sharp);
#if KIND == EYE || KIND == WET || KIND == SHINY
        shine += (KIND == EYE ? 3.0 : 0.5) * smoothstep(0.982, 0.99, dot(mirrored, to));
#endif
        glint += u_light_colour[i] * reach * (shine * clamp(4.0 * dot(n, to), 0.0, 1.0));
        reach = vec3(mix(sky, 1.0, 0.3));
    }
#if KIND != CLOTH
    const float mirror = KIND == EYE ? 0.9 : 1.0;
    glint += surroundings(mirrored) * fresnel * (KIND == SKIN ? 0.55 * u_gloss + 0.1 : mirror) * sky;
#endif
    f_colour = vec4(encoded(albedo * light + glint), 1.0);
#endif
}

#endif
