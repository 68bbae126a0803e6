// Expression shapes: each moves every vertex and its normal by a weight. Only the active ones are added up.

const int SHAPES_WIDTH = 2048;      // texels in a row
const int MAX_SHAPES = 52;

uniform sampler2D u_shapes;         // per shape and vertex two texels: movement (mm), change of the normal
uniform int u_vertices;             // of the mesh
uniform int u_shape_count;          // active ones
uniform int u_shape[MAX_SHAPES];
uniform float u_weight[MAX_SHAPES];

void add_shapes(inout vec3 position, inout vec3 normal) {
    for (int i = 0; i < u_shape_count; ++i) {
        int at = 2 * (u_shape[i] * u_vertices + gl_VertexID);
        ivec2 place = ivec2(at % SHAPES_WIDTH, at / SHAPES_WIDTH);
        position += u_weight[i] * texelFetch(u_shapes, place, 0).xyz;
        normal += u_weight[i] * texelFetch(u_shapes, place + ivec2(1, 0), 0).xyz;
    }
}
