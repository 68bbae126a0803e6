#version 330 core
// Round marks of the same size in pixels everywhere: landmarks.

layout(location = 0) in vec3 a_position;   // head space, mm
layout(location = 1) in vec3 a_colour;     // sRGB

uniform mat4 u_view;
uniform mat4 u_projection;
uniform float u_size;   // diameter, pixels
uniform float u_lift;   // millimetres towards the eye, so that a mark on the skin is not half sunk

out vec3 v_colour;

void main() {
    vec4 eye = u_view * vec4(a_position, 1.0);
    eye.xyz *= 1.0 - u_lift / max(length(eye.xyz), u_lift * 2.0);   // along the ray: the pixel stays
    gl_Position = u_projection * eye;
    gl_PointSize = u_size;
    v_colour = a_colour;
}
