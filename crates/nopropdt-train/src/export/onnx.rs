//! A graph as an ONNX file: opset 17, IR version 8, all in f32.

use super::ExportError;
use crate::protobuf::Message;
use nopropdt_tensor::graph::{Constant, Graph, Loop, Node, Op, Value};
use nopropdt_tensor::{Tensor, flat};

/// Version of the operators: the first with LayerNormalization.
const OPSET: i64 = 17;
/// Version of the file's structure that came with it.
const IR_VERSION: i64 = 8;
/// Protocol buffers hold no more.
const MOST_BYTES: usize = i32::MAX as usize;
/// Element types.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
const BOOL: i64 = 9;
/// Name of the number of rows.
const BATCH: &str = "batch";
/// Name of the value that holds it.
const ROWS: &str = "rows";

/// The bytes of a file with this graph, and `metadata` as names and texts.
///
/// # Errors
/// [`ExportError::TooLarge`] when the format can't hold it.
pub fn encoded(graph: &Graph, metadata: &[(&str, String)]) -> Result<Vec<u8>, ExportError> {
    let weights: usize = graph.constants.iter().map(|constant| 4 * constant.value.len()).sum();
    if weights > MOST_BYTES {
        return Err(ExportError::TooLarge { bytes: weights });
    }
    let model = Message::new()
        .int(1, IR_VERSION)
        .text(2, "nopropdt")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &graph_proto(graph))
        .message(8, &Message::new().text(1, "").int(2, OPSET))
        .all(metadata, |model, (name, text)| model.message(14, &Message::new().text(1, name).text(2, text)));
    match model.len() <= MOST_BYTES {
        true => Ok(model.into_bytes()),
        false => Err(ExportError::TooLarge { bytes: model.len() }),
    }
}

fn graph_proto(graph: &Graph) -> Message {
    let mut names = Names { graph, scope: String::new(), aliases: Vec::new() };
    let mut writer = Writer::default();
    for (index, Constant { value, .. }) in graph.constants.iter().enumerate() {
        writer.initializers.push(tensor(&names.of(Value::Constant(index)), value));
    }
    if let Some(first) = graph.inputs.first() {
        let attributes = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        writer.node("Shape", &[&first.name], &[ROWS], &attributes);
    }
    writer.nodes(&mut names, &graph.nodes);
    for (name, value) in &graph.outputs {
        writer.node("Identity", &[&names.of(*value)], &[name], &[]);
    }
    let inputs = graph.inputs.iter().map(|input| value_info(&input.name, FLOAT, Some(&input.shape)));
    let outputs =
        graph.outputs.iter().map(|(name, value)| value_info(name, FLOAT, Some(graph.shape(*value))));
    let Writer { nodes, initializers, .. } = writer;
    Message::new()
        .all(&nodes, |message, node| message.message(1, node))
        .text(2, "nopropdt")
        .all(&initializers, |message, tensor| message.message(5, tensor))
        .all(inputs, |message, input| message.message(11, &input))
        .all(outputs, |message, output| message.message(12, &output))
}

/// What values are called in the file.
struct Names<'g> {
    graph: &'g Graph,
    /// What names of nodes begin with: the loop that they are in.
    scope: String,
    /// Nodes whose output has another name than that of their number.
    aliases: Vec<(usize, String)>,
}

impl Names<'_> {
    fn of(&self, value: Value) -> String {
        let Self { graph, scope, .. } = self;
        match value {
            Value::Input(index) => graph.inputs[index].name.clone(),
            Value::Constant(index) => match &graph.constants[index].name {
                Some(name) => name.clone(),
                None => format!("constant_{index}"),
            },
            Value::Node(index) => match self.aliases.iter().find(|(node, _)| *node == index) {
                Some((_, alias)) => alias.clone(),
                None => format!("{scope}value_{index}"),
            },
            Value::Outer(index) => format!("value_{index}"),
            Value::Carried(index) => format!("{scope}carried_{index}"),
            Value::Round(index) => format!("{scope}round_{index}"),
        }
    }
}

/// What a node says of itself beside its inputs.
enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
    Graph(Message),
}

impl Attribute {
    fn message(&self, name: &str) -> Message {
        let message = Message::new().text(1, name);
        match self {
            Self::Float(value) => message.float(2, *value).int(20, 1),
            Self::Int(value) => message.int(3, *value).int(20, 2),
            Self::Graph(graph) => message.message(6, graph).int(20, 5),
            Self::Ints(values) => message.all(values, |message, &value| message.int(8, value)).int(20, 7),
        }
    }
}

fn ints<'v>(values: impl IntoIterator<Item = &'v usize>) -> Attribute {
    Attribute::Ints(values.into_iter().map(|&value| value as i64).collect())
}

/// Nodes of a graph or of a loop's body, and the initializers of the graph.
#[derive(Default)]
struct Writer {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// Shapes and places written so far.
    integers: usize,
}

impl Writer {
    fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attribute)]) {
        let message = Message::new()
            .all(inputs, |message, input| message.text(1, input))
            .all(outputs, |message, output| message.text(2, output))
            .text(3, outputs[0])
            .text(4, op)
            .all(attributes, |message, (name, attribute)| message.message(5, &attribute.message(name)));
        self.nodes.push(message);
    }

    /// An initializer of whole numbers, [n] or a single one; its name.
    fn integers(&mut self, values: &[i64], is_single: bool) -> String {
        let name = format!("integers_{}", self.integers);
        self.integers += 1;
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let message = if is_single { Message::new() } else { Message::new().int(1, values.len() as i64) };
        self.initializers.push(message.int(2, INT64).text(8, &name).bytes(9, &raw));
        name
    }

    fn nodes(&mut self, names: &mut Names<'_>, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            self.add(names, index, node);
        }
    }

    fn add(&mut self, names: &mut Names<'_>, index: usize, node: &Node) {
        let inputs: Vec<String> = node.inputs.iter().map(|&input| names.of(input)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let output = names.of(Value::Node(index));
        let mut plain = |op, attributes: &[(&str, Attribute)]| self.node(op, &inputs, &[&output], attributes);
        match &node.op {
            Op::Add => plain("Add", &[]),
            Op::Sub => plain("Sub", &[]),
            Op::Mul => plain("Mul", &[]),
            Op::Div => plain("Div", &[]),
            Op::Sqrt => plain("Sqrt", &[]),
            Op::Erf => plain("Erf", &[]),
            Op::Relu => plain("Relu", &[]),
            Op::Sigmoid => plain("Sigmoid", &[]),
            Op::Tanh => plain("Tanh", &[]),
            Op::MatMul => plain("MatMul", &[]),
            Op::Softmax => plain("Softmax", &[("axis", Attribute::Int(-1))]),
            Op::Linear => plain("Gemm", &[("transB", Attribute::Int(1))]),
            Op::BatchNorm { epsilon } => {
                plain("BatchNormalization", &[("epsilon", Attribute::Float(*epsilon))])
            }
            Op::LayerNorm { epsilon } => {
                plain("LayerNormalization", &[("epsilon", Attribute::Float(*epsilon))])
            }
            Op::Conv { stride, padding } => plain("Conv", &window(None, stride, padding)),
            Op::MaxPool(at) => plain("MaxPool", &window(Some(&at.size), &at.stride, &at.padding)),
            Op::AveragePool(at) => {
                let mut attributes = window(Some(&at.size), &at.stride, &at.padding);
                attributes.push(("count_include_pad", Attribute::Int(1)));
                plain("AveragePool", &attributes);
            }
            Op::Transpose(axes) => plain("Transpose", &[("perm", ints(axes))]),
            Op::Concat { axis } => plain("Concat", &[("axis", Attribute::Int(*axis as i64))]),
            Op::ReduceMean { axis } => {
                plain("ReduceMean", &[("axes", ints([axis])), ("keepdims", Attribute::Int(0))]);
            }
            Op::ReduceSum { axis } => {
                let axes = self.integers(&[*axis as i64], false);
                let keep = [("keepdims", Attribute::Int(0))];
                self.node("ReduceSum", &[inputs[0], &axes], &[&output], &keep);
            }
            Op::Reshape { before, behind } => {
                let fixed = |lengths: &[usize]| lengths.iter().map(|&length| length as i64).collect();
                let (before, behind): (Vec<i64>, Vec<i64>) = (fixed(before), fixed(behind));
                let shape = [&before[..], &[-1], &behind].concat();
                let shape = self.integers(&shape, false);
                self.node("Reshape", &[inputs[0], &shape], &[&output], &[]);
            }
            Op::Slice { axis, start, end } => {
                let [start, end, axis] =
                    [start, end, axis].map(|value| self.integers(&[*value as i64], false));
                self.node("Slice", &[inputs[0], &start, &end, &axis], &[&output], &[]);
            }
            Op::Flip { axis } => {
                // From the last place down to where there is none any more.
                let sizes = [-1, i64::MIN, *axis as i64, -1];
                let [start, end, axis, step] = sizes.map(|value| self.integers(&[value], false));
                self.node("Slice", &[inputs[0], &start, &end, &axis, &step], &[&output], &[]);
            }
            Op::Rows(rows) => {
                let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
                let rows = self.integers(&rows, false);
                self.node("Gather", &[inputs[0], &rows], &[&output], &[]);
            }
            Op::Pick { axis, index } => {
                let mut place = self.integers(&[*index as i64], true);
                if !names.scope.is_empty() {
                    // In a loop: as many further as rounds are done.
                    let moved = format!("{output}_place");
                    self.node("Add", &[&round(names), &place], &[&moved], &[]);
                    place = moved;
                }
                self.node(
                    "Gather",
                    &[inputs[0], &place],
                    &[&output],
                    &[("axis", Attribute::Int(*axis as i64))],
                );
            }
            Op::RepeatRow => {
                let ones = self.integers(&vec![1; node.shape.len() - 1], false);
                let shape = format!("{output}_shape");
                self.node("Concat", &[ROWS, &ones], &[&shape], &[("axis", Attribute::Int(0))]);
                self.node("Expand", &[inputs[0], &shape], &[&output], &[]);
            }
            Op::Loop(repeated) => self.repeat(names, index, repeated, &inputs),
            Op::Result(result) => {
                let Value::Node(of) = node.inputs[0] else { unreachable!("a result is that of a loop") };
                names.aliases.push((index, result_name(of, *result)));
            }
            other => unreachable!("a graph that was traced has no {other:?}"),
        }
    }

    /// A loop: node `index` of the graph.
    fn repeat(&mut self, names: &Names<'_>, index: usize, repeated: &Loop, initial: &[&str]) {
        let Loop { rounds, of_rounds, body, results } = repeated;
        let scope = format!("loop_{index}_");
        let mut inner = Names { graph: names.graph, scope: scope.clone(), aliases: Vec::new() };
        let count = self.integers(&[*rounds as i64], true);
        let mut writer = Self { integers: self.integers, ..Self::default() };
        for (place, values) in of_rounds.iter().enumerate() {
            let stacked = format!("{scope}rounds_{place}");
            self.initializers.push(tensor(&stacked, values));
            writer.node("Gather", &[&stacked, &round(&inner)], &[&inner.of(Value::Round(place))], &[]);
        }
        writer.nodes(&mut inner, body);
        let [goes, still] = ["goes", "still"].map(|name| format!("{scope}{name}"));
        writer.node("Identity", &[&goes], &[&still], &[]);
        let mut inputs =
            vec![value_info(&round(&inner), INT64, Some(&[])), value_info(&goes, BOOL, Some(&[]))];
        let mut outputs = vec![value_info(&still, BOOL, Some(&[]))];
        for (place, &result) in results.iter().enumerate() {
            let left = format!("{scope}left_{place}");
            writer.node("Identity", &[&inner.of(result)], &[&left], &[]);
            inputs.push(value_info(&inner.of(Value::Carried(place)), FLOAT, None));
            outputs.push(value_info(&left, FLOAT, None));
        }
        let graph = Message::new()
            .all(&writer.nodes, |message, node| message.message(1, node))
            .text(2, &format!("{scope}body"))
            .all(&inputs, |message, input| message.message(11, input))
            .all(&outputs, |message, output| message.message(12, output));
        self.integers = writer.integers;
        self.initializers.extend(writer.initializers);
        let given: Vec<&str> = [count.as_str(), ""].into_iter().chain(initial.iter().copied()).collect();
        let left: Vec<String> = (0..results.len())
            .map(|place| if place == 0 { names.of(Value::Node(index)) } else { result_name(index, place) })
            .collect();
        let left: Vec<&str> = left.iter().map(String::as_str).collect();
        self.node("Loop", &given, &left, &[("body", Attribute::Graph(graph))]);
    }
}

/// Name of the number of rounds that a loop has done.
fn round(names: &Names<'_>) -> String {
    format!("{}round", names.scope)
}

/// Name of a result of a loop but the first.
fn result_name(of: usize, result: usize) -> String {
    format!("value_{of}_result_{result}")
}

/// Attributes of a window; padding is that before, then that behind.
fn window<'a>(size: Option<&[usize]>, stride: &[usize], padding: &[usize]) -> Vec<(&'a str, Attribute)> {
    let mut attributes = vec![("strides", ints(stride)), ("pads", ints(padding.iter().chain(padding)))];
    attributes.extend(size.map(|size| ("kernel_shape", ints(size))));
    attributes
}

fn tensor(name: &str, value: &Tensor) -> Message {
    let mut raw = vec![0; 4 * value.len()];
    flat::to_le_bytes(value.data(), &mut raw);
    let dims = value.shape();
    let message = Message::new().all(dims, |message, &length| message.int(1, length as i64));
    message.int(2, FLOAT).text(8, name).bytes(9, &raw)
}

/// A value's name and type; its first axis is the batch. Of what a loop carries nothing is said of the
/// shape.
fn value_info(name: &str, element: i64, shape: Option<&[usize]>) -> Message {
    let of_tensor = Message::new().int(1, element);
    let of_tensor = match shape {
        None => of_tensor,
        Some(shape) => {
            let dims = shape.iter().enumerate().map(|(axis, &length)| match axis {
                0 => Message::new().text(2, BATCH),
                _ => Message::new().int(1, length as i64),
            });
            of_tensor.message(2, &Message::new().all(dims, |message, dim| message.message(1, &dim)))
        }
    };
    Message::new().text(1, name).message(2, &Message::new().message(1, &of_tensor))
}
