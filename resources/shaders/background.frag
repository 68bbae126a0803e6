#version 330 core
// A vertical gradient, dithered so that it shows no bands.

in float v_height;

uniform vec3 u_top;      // sRGB
uniform vec3 u_bottom;   // sRGB

out vec4 f_colour;

void main() {
    float noise = fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) - 0.5;
    f_colour = vec4(mix(u_bottom, u_top, v_height) + noise / 255.0, 1.0);
}
