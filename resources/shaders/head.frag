#version 330 core
// Shades the head. facestudio/render/lighting.py has the same formula for the software renderer: change both.

in vec3 v_position;
in vec3 v_normal;
in vec2 v_uv;
in vec2 v_surface;
in vec3 v_colour;

const int MAX_LIGHTS = 4;

uniform sampler2D u_texture;            // sRGB, decoded by the sampler
uniform int u_source;                   // 0 u_albedo, 1 texture, 2 vertex colours
uniform bool u_normals;                 // show normals as colours
uniform vec3 u_albedo;                  // linear
uniform float u_scatter;                // 0 plaster .. 1 skin
uniform float u_shine;
uniform vec3 u_eye;                     // head space
uniform vec3 u_up;                      // head space: towards the sky
uniform vec3 u_sky;                     // linear
uniform vec3 u_ground;                  // linear
uniform int u_light_count;
uniform vec3 u_light_direction[MAX_LIGHTS];   // head space, towards the lamp
uniform vec3 u_light_colour[MAX_LIGHTS];      // linear
uniform vec3 u_wrap;                    // how far light wraps round skin, per channel
uniform float u_occlusion;              // how much hollows lose, 0..1
uniform float u_deepest;                // what is left in the deepest hollow
uniform vec3 u_hollow;                  // hollows of skin turn reddish: exponents per channel
uniform float u_shoulder;               // linear light above this is compressed

out vec4 f_colour;

vec3 srgb_to_linear(vec3 c) {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

vec3 linear_to_srgb(vec3 c) {
    return mix(c * 12.92, 1.055 * pow(max(c, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}

void main() {
    vec3 to_viewer = normalize(u_eye - v_position);
    vec3 normal = normalize(v_normal);
    if (!gl_FrontFacing) normal = -normal;
    if (u_normals) {
        f_colour = vec4(0.5 + 0.5 * normal, 1.0);
        return;
    }

    vec3 albedo = u_albedo;
    if (u_source == 1) albedo = texture(u_texture, v_uv).rgb;
    if (u_source == 2) albedo = srgb_to_linear(v_colour);

    float gloss = v_surface.x;
    vec3 diffuse = mix(u_ground, u_sky, 0.5 + 0.5 * dot(normal, u_up));
    vec3 wrap = u_wrap * u_scatter * (1.0 - gloss);
    float sharpness = 14.0 + 600.0 * gloss * gloss;
    float strength = u_shine * (0.035 + 3.0 * pow(gloss, 4.0));
    vec3 highlight = vec3(0.0);
    for (int i = 0; i < u_light_count; ++i) {
        float facing = dot(normal, u_light_direction[i]);
        diffuse += u_light_colour[i] * clamp((facing + wrap) / (1.0 + wrap), 0.0, 1.0);
        vec3 halfway = normalize(to_viewer + u_light_direction[i]);
        float glint = pow(clamp(dot(normal, halfway), 0.0, 1.0), sharpness);
        // No highlight where the lamp does not reach.
        highlight += u_light_colour[i] * (strength * glint * clamp(4.0 * facing, 0.0, 1.0));
    }
    float left = 1.0 + u_occlusion * (mix(u_deepest, 1.0, v_surface.y) - 1.0);
    vec3 tint = 1.0 + u_scatter * (u_hollow - 1.0);
    vec3 light = albedo * diffuse * pow(vec3(left), tint) + highlight * mix(left, 1.0, gloss);
    float room = max(1.0 - u_shoulder, 1e-6);
    vec3 over = max(light - u_shoulder, 0.0);
    f_colour = vec4(linear_to_srgb(min(light, u_shoulder) + room * (1.0 - exp(-over / room))), 1.0);
}
