//! Networks of one node, put together for tests.

use prost::Message as _;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};

/// An ONNX file whose one node takes the input, of this shape with 0 for a side
/// that is left open, and a constant, and gives the output.
pub(super) fn network(version: i64, op: &str, shape: [i64; 4], constant: &[f32]) -> Vec<u8> {
    let inputs: &[&str] = if constant.is_empty() { &["x"] } else { &["x", "c"] };
    file(version, node(op, inputs), shape, constant)
}

/// The same with no constant but an attribute.
pub(super) fn network_with_attribute(
    version: i64,
    op: &str,
    shape: [i64; 4],
    (name, floats): (&str, &[f32]),
) -> Vec<u8> {
    let attribute = AttributeProto {
        name: name.into(),
        r#type: AttributeType::Floats as i32,
        floats: floats.to_vec(),
        ..Default::default()
    };
    let node = NodeProto { attribute: vec![attribute], ..node(op, &["x"]) };
    file(version, node, shape, &[])
}

fn node(op: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec!["y".into()],
        name: "only".into(),
        op_type: op.into(),
        ..Default::default()
    }
}

fn file(version: i64, node: NodeProto, shape: [i64; 4], constant: &[f32]) -> Vec<u8> {
    let graph = GraphProto {
        node: vec![node],
        name: "tiny".into(),
        initializer: constants(constant),
        input: vec![value("x", &shape)],
        output: vec![value("y", &[])],
        ..Default::default()
    };
    let model = ModelProto {
        ir_version: 4,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version }],
        graph: Some(graph),
        ..Default::default()
    };
    model.encode_to_vec()
}

fn constants(values: &[f32]) -> Vec<TensorProto> {
    let constant = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        name: "c".into(),
        ..Default::default()
    };
    if values.is_empty() { Vec::new() } else { vec![constant] }
}

fn value(name: &str, shape: &[i64]) -> ValueInfoProto {
    let side = |&side: &i64| Dimension {
        denotation: String::new(),
        value: (side > 0).then_some(dimension::Value::DimValue(side)),
    };
    let shape = TensorShapeProto { dim: shape.iter().map(side).collect() };
    let shape = (!shape.dim.is_empty()).then_some(shape);
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let value = Some(type_proto::Value::TensorType(tensor));
    let kind = TypeProto { denotation: String::new(), value };
    ValueInfoProto { name: name.into(), r#type: Some(kind), doc_string: String::new() }
}
