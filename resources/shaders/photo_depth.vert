#version 330 core
// Places a vertex exactly where photo.vert does: the depth is drawn first, so that only what is seen is shaded.

layout(location = 0) in vec3 a_position;

uniform mat4 u_view;
uniform mat4 u_projection;

invariant gl_Position;

void main() {
    gl_Position = u_projection * (u_view * vec4(a_position, 1.0));
}
