#version 330 core
// Places a vertex of a synthetic photo's scene; everything is in head space (millimetres).

layout(location = 0) in vec3 a_position;
layout(location = 1) in vec3 a_normal;   // of hair: along the strand
layout(location = 2) in vec2 a_uv;       // v down
layout(location = 3) in vec4 a_colour;   // linear tint, share of the sky seen

uniform mat4 u_view;         // head space -> eye space
uniform mat4 u_projection;   // eye space -> clip space
uniform mat4 u_key_matrix;   // head space -> the key light's shadow map, 0..1
uniform mat4 u_sky_matrix;   // head space -> the sky's shadow map, 0..1

invariant gl_Position;  // photo_depth.vert computes the same

out vec3 v_position;
out vec3 v_normal;
out vec2 v_uv;
out vec4 v_colour;
out vec3 v_key;
out vec3 v_sky;

void main() {
    v_position = a_position;
    v_normal = a_normal;
    v_uv = a_uv;
    v_colour = a_colour;
    v_key = (u_key_matrix * vec4(a_position, 1.0)).xyz;
    v_sky = (u_sky_matrix * vec4(a_position, 1.0)).xyz;
    gl_Position = u_projection * (u_view * vec4(a_position, 1.0));
}
