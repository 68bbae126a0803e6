#version 330 core
// Places a vertex of the head and hands its surface on to head.frag, all in head space (millimetres).
// SOURCE, QUICK: as in head.frag.

layout(location = 0) in vec3 a_position;
layout(location = 1) in vec3 a_normal;
layout(location = 2) in vec2 a_uv;       // v up
layout(location = 3) in vec2 a_surface;  // gloss (0 matt .. 1 wet), share of the sky seen
layout(location = 4) in vec3 a_colour;   // sRGB 0..1

uniform mat4 u_view;         // head space -> eye space
uniform mat4 u_projection;   // eye space -> clip space
uniform vec3 u_eye;          // head space

#ifdef QUICK
out vec3 v_onto;
out vec3 v_shine;
#else
out vec3 v_to_viewer;
out vec3 v_normal;
out vec2 v_surface;
#endif
#if SOURCE == 1
out vec2 v_uv;
#elif SOURCE == 2
out vec3 v_colour;
#endif

void main() {
    vec3 position = a_position, normal = a_normal;
    add_shapes(position, normal);        // shapes.glsl
#ifdef QUICK
    light_on(normalize(normal), normalize(u_eye - position), a_surface, v_onto, v_shine);  // head_light.glsl
#else
    v_to_viewer = u_eye - position;
    v_normal = normal;
    v_surface = a_surface;
#endif
#if SOURCE == 1
    v_uv = vec2(a_uv.x, 1.0 - a_uv.y);   // row 0 of a texture is v = 1
#elif SOURCE == 2
    v_colour = a_colour;
#endif
    gl_Position = u_projection * (u_view * vec4(position, 1.0));
}
