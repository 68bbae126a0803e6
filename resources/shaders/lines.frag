#version 330 core
// One colour for all lines.

uniform vec4 u_colour;   // sRGB

out vec4 f_colour;

void main() {
    f_colour = u_colour;
}
