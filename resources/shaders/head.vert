#version 330 core
// Places a vertex of the head and hands its surface on to head.frag, all in head space (millimetres).

layout(location = 0) in vec3 a_position;
layout(location = 1) in vec3 a_normal;
layout(location = 2) in vec2 a_uv;       // v up
layout(location = 3) in vec2 a_surface;  // gloss (0 matt .. 1 wet), share of the sky seen
layout(location = 4) in vec3 a_colour;   // sRGB 0..1

uniform mat4 u_view;         // head space -> eye space
uniform mat4 u_projection;   // eye space -> clip space

out vec3 v_position;
out vec3 v_normal;
out vec2 v_uv;
out vec2 v_surface;
out vec3 v_colour;

void main() {
    vec3 position = a_position, normal = a_normal;
    add_shapes(position, normal);        // shapes.glsl
    v_position = position;
    v_normal = normal;
    v_uv = vec2(a_uv.x, 1.0 - a_uv.y);   // row 0 of a texture is v = 1
    v_surface = a_surface;
    v_colour = a_colour;
    gl_Position = u_projection * (u_view * vec4(position, 1.0));
}
