#version 330 core
// A disc with a dark rim and a soft edge; premultiplied alpha.

in vec3 v_colour;

uniform float u_size;      // diameter, pixels
uniform float u_opacity;

out vec4 f_colour;

void main() {
    float radius = 0.5 * u_size;
    float from_middle = length(gl_PointCoord - 0.5) * u_size;
    float inside = clamp(radius - from_middle, 0.0, 1.0);
    if (inside <= 0.0) discard;
    float rim = clamp(from_middle - 0.68 * radius + 0.5, 0.0, 1.0);
    f_colour = vec4(mix(v_colour, vec3(0.05), 0.85 * rim), 1.0) * (inside * u_opacity);
}
