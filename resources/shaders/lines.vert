#version 330 core
// The wireframe's lines: only places their ends; lines.geom gives them their width.

layout(location = 0) in vec3 a_position;   // head space, mm

uniform mat4 u_view;
uniform mat4 u_projection;

void main() {
    gl_Position = u_projection * (u_view * vec4(a_position, 1.0));
}
