#version 330 core
// Shades the head. facestudio/render/lighting.py has the same formula for the software renderer: change both.
// SOURCE (put in by the program): 0 u_albedo, 1 texture, 2 vertex colours, 3 normals as colours. One program each:
// software OpenGL works through both sides of every branch. QUICK: lit at the vertices, for a head that moves.

#ifdef QUICK
in vec3 v_onto;
in vec3 v_shine;
#else
in vec3 v_to_viewer;
in vec3 v_normal;
in vec2 v_surface;
#endif
#if SOURCE == 1
in vec2 v_uv;
#elif SOURCE == 2
in vec3 v_colour;
#endif

uniform sampler2D u_texture;            // sRGB, decoded by the sampler
uniform vec3 u_albedo;                  // linear
uniform float u_shoulder;               // linear light above this is compressed

out vec4 f_colour;

vec3 srgb_to_linear(vec3 c) {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

vec3 linear_to_srgb(vec3 c) {
#ifdef QUICK
    // Roots in place of powers, which software OpenGL takes long for: off by at most 2.3 levels of 255.
    vec3 root = sqrt(max(c, 0.0));
    return 1.4215 * root - 0.1349 * sqrt(root) - 0.2955 * c;
#else
    return mix(c * 12.92, 1.055 * pow(max(c, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
#endif
}

void main() {
#if SOURCE == 3
    vec3 normal = normalize(v_normal);
    if (!gl_FrontFacing) normal = -normal;
    f_colour = vec4(0.5 + 0.5 * normal, 1.0);
#else

#if SOURCE == 1
    vec3 albedo = texture(u_texture, v_uv).rgb;
#elif SOURCE == 2
    vec3 albedo = srgb_to_linear(v_colour);
#else
    vec3 albedo = u_albedo;
#endif

#ifdef QUICK
    vec3 light = albedo * v_onto + v_shine;
#else
    vec3 normal = normalize(v_normal), onto, shine;
    if (!gl_FrontFacing) normal = -normal;
    light_on(normal, normalize(v_to_viewer), v_surface, onto, shine);
    vec3 light = albedo * onto + shine;
#endif
    float room = max(1.0 - u_shoulder, 1e-6);
    vec3 over = max(light - u_shoulder, 0.0);
    f_colour = vec4(linear_to_srgb(min(light, u_shoulder) + over * room / (over + room)), 1.0);
#endif
}
