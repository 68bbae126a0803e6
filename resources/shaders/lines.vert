#version 330 core
// The wireframe's lines: only places their ends; lines.geom gives them their width.

layout(location = 0) in vec3 a_position;   // head space, mm

uniform mat4 u_view;
uniform mat4 u_projection;

void main() {
    vec3 position = a_position, normal = vec3(0.0);
    add_shapes(position, normal);        // shapes.glsl
    gl_Position = u_projection * (u_view * vec4(position, 1.0));
}
