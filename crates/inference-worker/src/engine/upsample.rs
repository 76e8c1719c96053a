//! `Upsample`, which ONNX replaced by `Resize` and tract does not know: older
//! networks are full of it. In version 9 of the operator set it is what `Resize`
//! is in version 10; before that its scales are an attribute, not an input.

use tract_onnx::{
    Onnx,
    model::ParsingContext,
    pb::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType},
};

const UPSAMPLE: &str = "Upsample";

/// Teaches a reader the operator, with the scales as an input.
pub(super) fn register(reader: &mut Onnx) {
    reader.op_register.insert(UPSAMPLE, |context, node| {
        let resize = context.framework.op_register.0["Resize"];
        resize(&ParsingContext { onnx_operator_set_version: 10, ..context.clone() }, node)
    });
}

/// Turns scales that are attributes into inputs.
pub(super) fn scales_as_inputs(graph: &mut GraphProto) {
    let GraphProto { node, initializer, .. } = graph;
    let old = node.iter_mut().filter(|node| node.op_type == UPSAMPLE && node.input.len() == 1);
    for node in old {
        if let Some(scales) = scales(node) {
            node.input.push(scales.name.clone());
            initializer.push(scales);
        }
    }
}

fn scales(node: &NodeProto) -> Option<TensorProto> {
    let attribute = node.attribute.iter().find(|attribute| attribute.name == "scales")?;
    Some(TensorProto {
        dims: vec![i64::try_from(attribute.floats.len()).ok()?],
        data_type: DataType::Float as i32,
        float_data: attribute.floats.clone(),
        name: format!("{}.scales", node.output.first()?),
        ..Default::default()
    })
}
