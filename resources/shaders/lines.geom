#version 330 core
// Turns a line into a strip of the same width in pixels everywhere (core profiles draw lines one pixel wide).

layout(lines) in;
layout(triangle_strip, max_vertices = 4) out;

uniform vec2 u_size;     // the picture, pixels
uniform float u_width;   // pixels

void corner(vec4 clip, vec2 offset) {
    gl_Position = vec4(clip.xy + offset * clip.w, clip.z, clip.w);
    EmitVertex();
}

void main() {
    vec4 a = gl_in[0].gl_Position, b = gl_in[1].gl_Position;
    if (a.w <= 0.0 || b.w <= 0.0) return;   // an end behind the eye
    vec2 along = (b.xy / b.w - a.xy / a.w) * u_size;
    float length_px = length(along);
    if (length_px == 0.0) return;
    along /= length_px;
    vec2 across = vec2(-along.y, along.x) * u_width / u_size;
    corner(a, across);
    corner(a, -across);
    corner(b, across);
    corner(b, -across);
    EndPrimitive();
}
