// How a surface of the head is lit, for head.frag (each pixel) and, while the head moves, head.vert (each vertex).
// facestudio/render/lighting.py has the same formula for the software renderer: change both.

const int MAX_LIGHTS = 4;

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

// Unit vectors in, surface = (gloss, share of the sky seen); out, linear: light = albedo * onto + shine.
void light_on(vec3 normal, vec3 to_viewer, vec2 surface, out vec3 onto, out vec3 shine) {
    float gloss = surface.x, wet = gloss * gloss;
    float grazing = 1.0 - clamp(dot(normal, to_viewer), 0.0, 1.0);
    grazing *= grazing;
    grazing *= grazing;   // Schlick's fresnel, with a power of four
    vec3 mirrored = 2.0 * dot(normal, to_viewer) * normal - to_viewer;
    vec3 diffuse = mix(u_ground, u_sky, 0.5 + 0.5 * dot(normal, u_up));
    vec3 reflected = mix(u_ground, u_sky, 0.5 + 0.5 * dot(mirrored, u_up));
    shine = u_sheen * (0.05 * wet + (0.05 + 0.25 * wet) * grazing) * reflected;
    float sharpness = 9.0 + 60.0 * wet + 530.0 * wet * wet;
    float strength = u_shine * (0.02 + 0.30 * gloss + 7.0 * wet * wet) * (0.6 + 0.8 * grazing);
    for (int i = 0; i < u_light_count; ++i) {
        float facing = dot(normal, u_light_direction[i]);
        diffuse += u_light_colour[i] * clamp(facing * u_wrap_scale + u_wrap_offset, 0.0, 1.0);
        // A gaussian on the sphere; none where the lamp does not reach.
        float glint = exp2(sharpness * (dot(mirrored, u_light_direction[i]) - 1.0));
        shine += u_light_colour[i] * (strength * glint * clamp(4.0 * facing, 0.0, 1.0));
    }
    float left = max(1.0 + u_occlusion * (mix(u_deepest, 1.0, surface.y) - 1.0), 0.0);
    vec3 reaches = left + (u_scatter * left * (1.0 - left)) * u_hollow;
    onto = diffuse * reaches;
    shine *= mix(left, sqrt(left), wet);
}
