#version 330 core
// Draws into a shadow map.

layout(location = 0) in vec3 a_position;

uniform mat4 u_matrix;       // head space -> clip space of the light

void main() {
    gl_Position = u_matrix * vec4(a_position, 1.0);
}
