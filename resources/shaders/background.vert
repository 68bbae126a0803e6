#version 330 core
// One triangle that covers the picture; needs no vertex buffer.

out float v_height;   // 0 at the foot, 1 at the top

void main() {
    vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
    v_height = corner.y;
    gl_Position = vec4(corner * 2.0 - 1.0, 1.0, 1.0);   // at the far end: only where nothing was drawn
}
