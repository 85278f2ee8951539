//! What has no graph says why.

use crate::operations::normal;
use nopropdt_tensor::graph::{Graph, GraphBuilder, GraphError, Op, Value};
use nopropdt_tensor::{Backward, Operation, Tape, Tensor, Var};

/// x² of each value, which may say what it is.
struct Square {
    has_form: bool,
}

impl Operation for Square {
    fn name(&self) -> &'static str {
        "square"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let mut value = inputs[0].clone();
        value.data_mut().iter_mut().for_each(|v| *v *= *v);
        value
    }

    fn backward(&self, _: &mut Backward<'_, '_>) {}

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[Value]) -> Option<Value> {
        self.has_form.then(|| graph.op(Op::Mul, &[inputs[0], inputs[0]]))
    }
}

fn traced(rows: usize, lay: impl Fn(&mut Tape<'_>, Var) -> Var) -> Result<Graph, GraphError> {
    let mut tape = Tape::tracing();
    let x = tape.input("x", Tensor::zeros(&[rows, 3]));
    let y = lay(&mut tape, x);
    tape.graph(&[("y", y)])
}

#[test]
fn an_operation_of_ones_own_is_what_it_says_or_refused_by_its_name() {
    let with = |has_form| traced(2, |tape, x| tape.apply(Square { has_form }, &[x]));
    assert_eq!(with(true).unwrap().nodes[0].op, Op::Mul);
    let error = with(false).unwrap_err();
    assert_eq!(error, GraphError::NoForm { operation: "square" });
    assert_eq!(error.to_string(), "operation square: has no form in a graph");
}

#[test]
fn what_no_output_depends_on_may_have_no_form() {
    let graph = traced(2, |tape, x| {
        tape.apply(Square { has_form: false }, &[x]);
        tape.relu(x)
    });
    assert_eq!(graph.unwrap().needed(), [false, true]);
}

#[test]
fn losses_have_no_form() {
    let error = traced(2, |tape, x| tape.cross_entropies(x, &[0, 1], 0.0)).unwrap_err();
    assert_eq!(error, GraphError::NoForm { operation: "cross_entropy" });
}

#[test]
fn what_differs_from_row_to_row_is_refused() {
    let fixed = |lay: &dyn Fn(&mut Tape<'_>, Var) -> Var| {
        traced(2, lay).unwrap().with_free_rows(&traced(3, lay).unwrap()).unwrap_err()
    };
    // Known values that are of the batch, and differ in it.
    let error = fixed(&|tape, x| {
        let rows = tape.shape(x)[0];
        let known = tape.constant(normal(&[rows, 3], 1));
        tape.mul(x, known)
    });
    assert_eq!(error, GraphError::FixedRows { operation: "product" });
    assert_eq!(error.to_string(), "operation product: must do the same for any number of rows; it does not");
    // A number that the batch decides.
    let error = fixed(&|tape, x| {
        let rows = tape.shape(x)[0];
        tape.linear_combination(&[(x, 1.0 / rows as f32)], 0.0)
    });
    assert_eq!(error, GraphError::FixedRows { operation: "linear_combination" });
    // Rows of a matrix that are others for each.
    let error = fixed(&|tape, x| {
        let labels: Vec<usize> = (0..tape.shape(x)[0]).collect();
        let matrix = tape.constant(normal(&[4, 3], 2));
        tape.rows(matrix, &labels)
    });
    assert_eq!(error, GraphError::FixedRows { operation: "rows" });
    // More operations where there are more rows.
    let error = fixed(&|tape, x| (0..tape.shape(x)[0]).fold(x, |x, _| tape.relu(x)));
    assert_eq!(error, GraphError::FixedRows { operation: "relu" });
}

#[test]
#[should_panic(expected = "Add does not fit shapes [[2, 3], [2, 4]]")]
fn a_form_that_does_not_fit_panics() {
    let mut graph = GraphBuilder::new();
    let (x, y) = (graph.input("x", &[2, 3]), graph.input("y", &[2, 4]));
    graph.op(Op::Add, &[x, y]);
}

#[test]
#[should_panic(expected = "graph: wants a tape that traces")]
fn a_tape_that_does_not_trace_has_no_graph() {
    let mut tape = Tape::new(nopropdt_tensor::Mode::Eval);
    let x = tape.constant(Tensor::zeros(&[1]));
    tape.graph(&[("x", x)]).ok();
}
