#version 330 core
// Shades the head. facestudio/render/lighting.py has the same formula for the software renderer: change both.
// SOURCE (put in by the program): 0 u_albedo, 1 texture, 2 vertex colours, 3 normals as colours. One program each:
// software OpenGL works through both sides of every branch.

in vec3 v_to_viewer;
in vec3 v_normal;
in vec2 v_surface;
#if SOURCE == 1
in vec2 v_uv;
#elif SOURCE == 2
in vec3 v_colour;
#endif

const int MAX_LIGHTS = 4;

uniform sampler2D u_texture;            // sRGB, decoded by the sampler
uniform vec3 u_albedo;                  // linear
uniform float u_scatter;                // 0 plaster .. 1 skin
uniform float u_shine;
uniform float u_sheen;                  // how much of the surroundings surfaces reflect
uniform vec3 u_up;                      // head space: towards the sky
uniform vec3 u_sky;                     // linear
uniform vec3 u_ground;                  // linear
uniform int u_light_count;
uniform vec3 u_light_direction[MAX_LIGHTS];   // head space, towards the lamp
uniform vec3 u_light_colour[MAX_LIGHTS];      // linear
uniform vec3 u_wrap_scale;              // light wraps round skin: facing * scale + offset, per channel
uniform vec3 u_wrap_offset;
uniform float u_occlusion;              // how much hollows lose, 0..1
uniform float u_deepest;                // what is left in the deepest hollow
uniform vec3 u_hollow;                  // hollows of skin turn reddish: what they keep more, per channel
uniform float u_shoulder;               // linear light above this is compressed

out vec4 f_colour;

vec3 srgb_to_linear(vec3 c) {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

vec3 linear_to_srgb(vec3 c) {
    return mix(c * 12.92, 1.055 * pow(max(c, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}

void main() {
    vec3 to_viewer = normalize(v_to_viewer);
    vec3 normal = normalize(v_normal);
    if (!gl_FrontFacing) normal = -normal;
#if SOURCE == 3
    f_colour = vec4(0.5 + 0.5 * normal, 1.0);
#else

#if SOURCE == 1
    vec3 albedo = texture(u_texture, v_uv).rgb;
#elif SOURCE == 2
    vec3 albedo = srgb_to_linear(v_colour);
#else
    vec3 albedo = u_albedo;
#endif

    float gloss = v_surface.x, wet = gloss * gloss;
    float grazing = 1.0 - clamp(dot(normal, to_viewer), 0.0, 1.0);
    grazing *= grazing;
    grazing *= grazing;   // Schlick's fresnel, with a power of four
    vec3 mirrored = 2.0 * dot(normal, to_viewer) * normal - to_viewer;
    vec3 diffuse = mix(u_ground, u_sky, 0.5 + 0.5 * dot(normal, u_up));
    vec3 reflected = mix(u_ground, u_sky, 0.5 + 0.5 * dot(mirrored, u_up));
    vec3 shine = u_sheen * (0.05 * wet + (0.05 + 0.25 * wet) * grazing) * reflected;
    float sharpness = 9.0 + 60.0 * wet + 530.0 * wet * wet;
    float strength = u_shine * (0.02 + 0.30 * gloss + 7.0 * wet * wet) * (0.6 + 0.8 * grazing);
    for (int i = 0; i < u_light_count; ++i) {
        float facing = dot(normal, u_light_direction[i]);
        diffuse += u_light_colour[i] * clamp(facing * u_wrap_scale + u_wrap_offset, 0.0, 1.0);
        // A gaussian on the sphere; none where the lamp does not reach.
        float glint = exp2(sharpness * (dot(mirrored, u_light_direction[i]) - 1.0));
        shine += u_light_colour[i] * (strength * glint * clamp(4.0 * facing, 0.0, 1.0));
    }
    float left = max(1.0 + u_occlusion * (mix(u_deepest, 1.0, v_surface.y) - 1.0), 0.0);
    vec3 reaches = left + (u_scatter * left * (1.0 - left)) * u_hollow;
    vec3 light = albedo * diffuse * reaches + shine * mix(left, sqrt(left), wet);
    float room = max(1.0 - u_shoulder, 1e-6);
    vec3 over = max(light - u_shoulder, 0.0);
    f_colour = vec4(linear_to_srgb(min(light, u_shoulder) + over * room / (over + room)), 1.0);
#endif
}
