//! What a graph means, value by value: the plainest reading of each operation.

use ndarray::{ArrayD, Axis, IxDyn, Slice};
use nopropdt_tensor::graph::{Graph, Loop, Node, Op, Value};
use nopropdt_tensor::{Tensor, Window};
use std::collections::HashMap;

type Array = ArrayD<f32>;

/// The outputs of a graph for these inputs, in their order.
pub fn evaluate(graph: &Graph, inputs: &[Tensor]) -> HashMap<String, Tensor> {
    let inputs: Vec<Array> = inputs.iter().map(array).collect();
    let mut done = Vec::new();
    let scope = Scope { graph, inputs: &inputs, outer: &[], carried: &[], of_rounds: &[], round: 0 };
    scope.run(&graph.nodes, &mut done);
    let output = |(name, value): &(String, Value)| {
        let values = scope.get(*value, &done);
        let data: Vec<f32> = values.iter().copied().collect();
        (name.clone(), Tensor::from_vec(values.shape(), data).unwrap())
    };
    graph.outputs.iter().map(output).collect()
}

fn array(tensor: &Tensor) -> Array {
    Array::from_shape_vec(IxDyn(tensor.shape()), tensor.data().to_vec()).unwrap()
}

/// All that nodes can read beside one another.
struct Scope<'a> {
    graph: &'a Graph,
    inputs: &'a [Array],
    outer: &'a [Vec<Array>],
    carried: &'a [Array],
    of_rounds: &'a [Tensor],
    round: usize,
}

impl Scope<'_> {
    fn get(&self, value: Value, done: &[Vec<Array>]) -> Array {
        match value {
            Value::Input(index) => self.inputs[index].clone(),
            Value::Constant(index) => array(&self.graph.constants[index].value),
            Value::Node(index) => done[index][0].clone(),
            Value::Outer(index) => self.outer[index][0].clone(),
            Value::Carried(index) => self.carried[index].clone(),
            Value::Round(index) => array(&self.of_rounds[index]).index_axis(Axis(0), self.round).to_owned(),
        }
    }

    /// Runs the nodes; what each made, a loop all its results.
    fn run(&self, nodes: &[Node], done: &mut Vec<Vec<Array>>) {
        for node in nodes {
            let inputs: Vec<Array> = node.inputs.iter().map(|&input| self.get(input, done)).collect();
            let made = match &node.op {
                Op::Loop(repeated) => self.repeat(repeated, inputs, done),
                Op::Result(index) => {
                    let Value::Node(of) = node.inputs[0] else { panic!("a result is that of a loop") };
                    vec![done[of][*index].clone()]
                }
                op => vec![self.apply(op, &inputs)],
            };
            done.push(made);
        }
    }

    fn repeat(&self, repeated: &Loop, mut carried: Vec<Array>, outer: &[Vec<Array>]) -> Vec<Array> {
        for round in 0..repeated.rounds {
            let of_rounds = &repeated.of_rounds;
            let inner = Scope { outer, carried: &carried, of_rounds, round, ..*self };
            let mut done = Vec::new();
            inner.run(&repeated.body, &mut done);
            carried = repeated.results.iter().map(|&value| inner.get(value, &done)).collect();
        }
        carried
    }

    fn apply(&self, op: &Op, inputs: &[Array]) -> Array {
        let x = &inputs[0];
        match op {
            Op::Add => x + &inputs[1],
            Op::Sub => x - &inputs[1],
            Op::Mul => x * &inputs[1],
            Op::Div => x / &inputs[1],
            Op::Sqrt => x.mapv(f32::sqrt),
            Op::Erf => x.mapv(|v| libm::erf(f64::from(v)) as f32),
            Op::Relu => x.mapv(|v| v.max(0.0)),
            Op::Sigmoid => x.mapv(|v| 1.0 / (1.0 + (-v).exp())),
            Op::Tanh => x.mapv(f32::tanh),
            Op::Softmax => of_rows(x, |row| {
                let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = row.iter().map(|v| (v - most).exp()).sum();
                row.iter().map(|v| (v - most).exp() / sum).collect()
            }),
            Op::MatMul => matmul(x, &inputs[1]),
            Op::Linear => matmul(x, &inputs[1].clone().reversed_axes()) + &inputs[2],
            Op::BatchNorm { epsilon } => {
                let [weight, bias, mean, variance] = [1, 2, 3, 4].map(|index| inputs[index].clone());
                (x - &mean) / variance.mapv(|v| (v + epsilon).sqrt()) * weight + bias
            }
            Op::LayerNorm { epsilon } => {
                let normed = of_rows(x, |row| {
                    let mean = row.iter().sum::<f32>() / row.len() as f32;
                    let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / row.len() as f32;
                    row.iter().map(|v| (v - mean) / (variance + epsilon).sqrt()).collect()
                });
                normed * &inputs[1] + &inputs[2]
            }
            Op::Conv { stride, padding } => {
                let [_, _, rows, columns] = *inputs[1].shape() else { panic!("a kernel has four axes") };
                let window = Window { size: [rows, columns], stride: *stride, padding: *padding };
                convolution(x, &inputs[1], &inputs[2], &window)
            }
            Op::MaxPool(window) => pooled(x, window, |seen, _| seen.iter().copied().fold(f32::MIN, f32::max)),
            Op::AveragePool(window) => pooled(x, window, |seen, all| seen.iter().sum::<f32>() / all as f32),
            Op::Transpose(axes) => standard(x.clone().permuted_axes(axes.clone())),
            Op::Reshape { before, behind } => {
                let free = x.len() / before.iter().chain(behind).product::<usize>();
                let shape = [&before[..], &[free], behind].concat();
                x.clone().into_shape_with_order(IxDyn(&shape)).unwrap()
            }
            Op::Concat { axis } => {
                let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
                ndarray::concatenate(Axis(*axis), &views).unwrap()
            }
            Op::Slice { axis, start, end } => {
                standard(x.slice_axis(Axis(*axis), Slice::from(*start..*end)).to_owned())
            }
            Op::Flip { axis } => {
                let mut flipped = x.clone();
                flipped.invert_axis(Axis(*axis));
                standard(flipped)
            }
            Op::Pick { axis, index } => standard(x.index_axis(Axis(*axis), index + self.round).to_owned()),
            Op::Rows(rows) => standard(x.select(Axis(0), rows)),
            Op::RepeatRow => standard(x.select(Axis(0), &vec![0; inputs[1].shape()[0]])),
            Op::ReduceSum { axis } => x.sum_axis(Axis(*axis)),
            Op::ReduceMean { axis } => x.mean_axis(Axis(*axis)).unwrap(),
            other => panic!("{other:?} has no meaning"),
        }
    }
}

/// The same values in row-major order.
fn standard(x: Array) -> Array {
    x.as_standard_layout().into_owned()
}

fn of_rows(x: &Array, change: impl Fn(&[f32]) -> Vec<f32>) -> Array {
    let width = *x.shape().last().unwrap();
    let values: Vec<f32> = x.as_slice().unwrap().chunks(width).flat_map(change).collect();
    Array::from_shape_vec(x.raw_dim(), values).unwrap()
}

/// Products of the last two axes; the others are the same, or missing on one side.
fn matmul(a: &Array, b: &Array) -> Array {
    let (rank, of_b) = (a.ndim(), b.ndim());
    let [m, k, n] = [a.shape()[rank - 2], a.shape()[rank - 1], b.shape()[of_b - 1]];
    let lead = a.shape()[..rank - 2].to_vec();
    let batches: usize = lead.iter().product();
    let (a, b) = (standard(a.clone()), standard(b.clone()));
    let (a, all) = (a.as_slice().unwrap(), b.as_slice().unwrap());
    let mut values = Vec::new();
    for batch in 0..batches {
        let b = if of_b == 2 { all } else { &all[batch * k * n..] };
        for row in 0..m {
            for column in 0..n {
                let term = |i: usize| a[(batch * m + row) * k + i] * b[i * n + column];
                values.push((0..k).map(term).sum());
            }
        }
    }
    Array::from_shape_vec(IxDyn(&[&lead[..], &[m, n]].concat()), values).unwrap()
}

/// Calls `each(image, place, pixels)` with what a window sees: for each pixel of the image that it sees its number within the window and
/// its row and column.
fn windows(x: &Array, window: &Window, mut each: impl FnMut(usize, &[(usize, [usize; 2])])) -> [usize; 2] {
    let Window { size, stride, padding } = *window;
    let sides = [x.shape()[2], x.shape()[3]];
    let places = [0, 1].map(|axis| (sides[axis] + 2 * padding[axis] - size[axis]) / stride[axis] + 1);
    for image in 0..x.shape()[0] {
        for place in 0..places[0] * places[1] {
            let at = [place / places[1], place % places[1]];
            let mut seen = Vec::new();
            for pixel in 0..size[0] * size[1] {
                let offset = [pixel / size[1], pixel % size[1]];
                let source =
                    [0, 1].map(|axis| (at[axis] * stride[axis] + offset[axis]).wrapping_sub(padding[axis]));
                if source[0] < sides[0] && source[1] < sides[1] {
                    seen.push((pixel, source));
                }
            }
            each(image, &seen);
        }
    }
    places
}

fn convolution(x: &Array, weight: &Array, bias: &Array, window: &Window) -> Array {
    let (inputs, outputs, columns) = (x.shape()[1], weight.shape()[0], window.size[1]);
    let mut values = Vec::new();
    let places = windows(x, window, |image, seen| {
        for output in 0..outputs {
            let mut sum = bias[[output]];
            for &(pixel, [row, column]) in seen {
                for input in 0..inputs {
                    let factor = weight[[output, input, pixel / columns, pixel % columns]];
                    sum += factor * x[[image, input, row, column]];
                }
            }
            values.push(sum);
        }
    });
    let last = Array::from_shape_vec(IxDyn(&[x.shape()[0], places[0], places[1], outputs]), values).unwrap();
    standard(last.permuted_axes(vec![0, 3, 1, 2]))
}

fn pooled(x: &Array, window: &Window, pool: impl Fn(&[f32], usize) -> f32) -> Array {
    let (channels, all) = (x.shape()[1], window.size[0] * window.size[1]);
    let mut values = Vec::new();
    let places = windows(x, window, |image, seen| {
        for channel in 0..channels {
            let seen: Vec<f32> =
                seen.iter().map(|&(_, [row, column])| x[[image, channel, row, column]]).collect();
            values.push(pool(&seen, all));
        }
    });
    let last = Array::from_shape_vec(IxDyn(&[x.shape()[0], places[0], places[1], channels]), values).unwrap();
    standard(last.permuted_axes(vec![0, 3, 1, 2]))
}
