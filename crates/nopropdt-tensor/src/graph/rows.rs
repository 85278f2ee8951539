//! From a graph of so many rows to one of any number.

use super::{Graph, GraphError, Node, Op, Step, Value};
use crate::tensor::Tensor;

impl Graph {
    /// This graph for any number of rows. `other` is the same computation traced with another number: what differs between the two is the
    /// batch, and must be the same row again and again.
    ///
    /// # Errors
    /// [`GraphError::FixedRows`] when something else differs.
    pub fn with_free_rows(self, other: &Self) -> Result<Self, GraphError> {
        let same_marks = (&self.outputs, &self.steps) == (&other.outputs, &other.steps);
        let further = other.nodes.get(self.nodes.len()).or(self.nodes.last());
        if let Some(node) = further.filter(|_| !same_marks || other.nodes.len() > self.nodes.len()) {
            return Err(GraphError::FixedRows { operation: node.from });
        }
        let mut freed = Self { steps: Vec::new(), nodes: Vec::new(), ..self.clone() };
        // What each node of `self` is in the graph to be.
        let mut places: Vec<Value> = Vec::with_capacity(self.nodes.len());
        let mut steps = self.steps.iter().peekable();
        let renamed = |value: Value, places: &[Value]| match value {
            Value::Node(index) => places[index],
            value => value,
        };
        for (index, node) in self.nodes.iter().enumerate() {
            while let Some(step) = steps.next_if(|step| step.node <= index) {
                freed.steps.push(Step { node: freed.nodes.len(), carried: renamed(step.carried, &places) });
            }
            let fixed = || GraphError::FixedRows { operation: node.from };
            let twin = other.nodes.get(index).filter(|twin| twin.inputs == node.inputs).ok_or_else(fixed)?;
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for &input in &node.inputs {
                let Value::Constant(of) = input else {
                    inputs.push(renamed(input, &places));
                    continue;
                };
                let (one, two) = (&self.constants[of].value, &other.constants[of].value);
                if one.shape() == two.shape() {
                    if one != two {
                        return Err(fixed());
                    }
                    inputs.push(input);
                } else {
                    freed.constants[of].value = only_row(one, two).ok_or_else(fixed)?;
                    inputs.push(freed.repeated(input, one.shape(), node.from));
                }
            }
            if let (Op::Reshape { .. }, Op::Reshape { .. }) = (&node.op, &twin.op) {
                let op = reshape(&node.shape, &twin.shape).ok_or_else(fixed)?;
                freed.nodes.push(Node { op, inputs, ..node.clone() });
                places.push(Value::Node(freed.nodes.len() - 1));
                continue;
            }
            let repeats = match (&node.op, &twin.op) {
                (one, two) if one == two => None,
                (Op::Rows(one), Op::Rows(two)) => {
                    let row = one.first().ok_or_else(fixed)?;
                    if one.iter().chain(two).any(|other| other != row) {
                        return Err(fixed());
                    }
                    Some(Op::Rows(vec![*row]))
                }
                _ => return Err(fixed()),
            };
            let is_repeated = repeats.is_some();
            freed.nodes.push(Node { op: repeats.unwrap_or_else(|| node.op.clone()), inputs, ..node.clone() });
            let mut place = Value::Node(freed.nodes.len() - 1);
            if is_repeated {
                place = freed.repeated(place, &node.shape, node.from);
            }
            places.push(place);
        }
        for step in steps {
            freed.steps.push(Step { node: freed.nodes.len(), carried: renamed(step.carried, &places) });
        }
        freed.outputs =
            self.outputs.iter().map(|(name, value)| (name.clone(), renamed(*value, &places))).collect();
        Ok(freed)
    }

    /// A node that repeats a row as often as the first input has rows; its shape is this.
    fn repeated(&mut self, row: Value, shape: &[usize], from: &'static str) -> Value {
        let inputs = vec![row, Value::Input(0)];
        self.nodes.push(Node { op: Op::RepeatRow, inputs, shape: shape.to_vec(), from });
        Value::Node(self.nodes.len() - 1)
    }
}

/// What reshapes to the one shape or the other, whatever the number of rows: at most one axis may differ.
fn reshape(one: &[usize], two: &[usize]) -> Option<Op> {
    let mut differing = (0..one.len()).filter(|&axis| one.get(axis) != two.get(axis));
    let free = differing.next().unwrap_or(0);
    let is_only = differing.next().is_none() && one.len() == two.len() && !one.is_empty();
    is_only.then(|| Op::Reshape { before: one[..free].to_vec(), behind: one[free + 1..].to_vec() })
}

/// The row that both tensors repeat, [1, …]; none where they hold anything else.
fn only_row(one: &Tensor, two: &Tensor) -> Option<Tensor> {
    let ([first, rest @ ..], [second, others @ ..]) = (one.shape(), two.shape()) else { return None };
    let length = rest.iter().product::<usize>();
    let is_more = *first > 0 && first != second && rest == others && length > 0;
    let row = &one.data()[..is_more.then_some(length)?];
    let same = |tensor: &Tensor| tensor.data().chunks_exact(length).all(|other| other == row);
    let shape = [&[1][..], rest].concat();
    (same(one) && same(two)).then(|| Tensor::filled_by(&shape, |data| data.copy_from_slice(row)))
}
