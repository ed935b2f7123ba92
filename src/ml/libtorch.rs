//! What tch leaves out of libtorch, by way of a few functions in C++ (`libtorch.cpp`).
//!
//! Knows nothing of networks.

#![expect(unsafe_code, reason = "C++ has no safe door; each call says why it may be made")]

use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_void;

use tch::TchError;
use tch::Tensor;

unsafe extern "C" {
    fn ablate_adam(
        count: usize,
        values: *const *const c_void,
        gradients: *const *const c_void,
        firsts: *const *const c_void,
        seconds: *const *const c_void,
        steps: *const c_void,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
        decoupled: bool,
    ) -> *mut c_char;
    fn ablate_sgd(
        count: usize,
        values: *const *const c_void,
        gradients: *const *const c_void,
        momenta: *const *const c_void,
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
        is_first: bool,
    ) -> *mut c_char;
    fn ablate_leaky_relu(x: *mut c_void, slope: f64) -> *mut c_char;
    fn ablate_allow_tf32(allowed: bool) -> *mut c_char;
    fn ablate_choose_functions() -> *mut c_char;
    fn ablate_multiplies_tiles(answer: *mut bool) -> *mut c_char;
    fn ablate_repeat_exactly(exactly: bool) -> *mut c_char;
    fn ablate_forget_peak(gpu: i8) -> *mut c_char;
    fn ablate_peak(gpu: i8, bytes: *mut i64) -> *mut c_char;
    fn ablate_enter_inference() -> *mut c_void;
    fn ablate_leave_inference(mode: *mut c_void);
}

/// The numbers of Adam's rule.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) struct Adam {
    /// Step size.
    pub(in crate::ml) learning_rate: f64,
    /// Decays of the first and second moment.
    pub(in crate::ml) betas: (f64, f64),
    /// L2 penalty, or with `decoupled` the share of the values that each step takes away.
    pub(in crate::ml) weight_decay: f64,
    /// Keeps denominators from zero.
    pub(in crate::ml) epsilon: f64,
    /// Whether the penalty passes the moments by (Loshchilov and Hutter 2019).
    pub(in crate::ml) decoupled: bool,
}

/// Moves values against gradients by Adam, all in one pass. Lists are of one length, tensors at one place
/// of one shape and in single precision; `steps` is a tensor of one number, 1 at the first step.
pub(in crate::ml) fn adam(
    rule: Adam,
    values: &[Tensor],
    gradients: &[Tensor],
    (firsts, seconds): (&[Tensor], &[Tensor]),
    steps: &Tensor,
) -> Result<(), TchError> {
    let count = same_shapes(&[values, gradients, firsts, seconds]);
    let lists = [values, gradients, firsts, seconds].map(pointers);
    // Safe: the lists have `count` pointers each to tensors that are borrowed until it returns.
    told(unsafe {
        ablate_adam(
            count,
            lists[0].as_ptr(),
            lists[1].as_ptr(),
            lists[2].as_ptr(),
            lists[3].as_ptr(),
            steps.as_ptr().cast(),
            rule.learning_rate,
            rule.betas.0,
            rule.betas.1,
            rule.weight_decay,
            rule.epsilon,
            rule.decoupled,
        )
    })
}

/// Moves values against gradients, or against their running sum where there is a `momentum`. The first step
/// starts that sum.
pub(in crate::ml) fn sgd(
    (learning_rate, momentum, weight_decay): (f64, f64, f64),
    values: &[Tensor],
    gradients: &[Tensor],
    momenta: &[Tensor],
    is_first: bool,
) -> Result<(), TchError> {
    let kept = if momentum == 0.0 { values } else { momenta };
    let count = same_shapes(&[values, gradients, kept]);
    let lists = [values, gradients, kept].map(pointers);
    // Safe: as above.
    told(unsafe {
        ablate_sgd(
            count,
            lists[0].as_ptr(),
            lists[1].as_ptr(),
            lists[2].as_ptr(),
            learning_rate,
            momentum,
            weight_decay,
            is_first,
        )
    })
}

/// Multiplies what is negative by a slope, in place.
pub(in crate::ml) fn leaky_relu(mut x: Tensor, slope: f64) -> Result<Tensor, TchError> {
    // Safe: the tensor lives, and nobody else holds it.
    told(unsafe { ablate_leaky_relu(x.as_mut_ptr().cast(), slope) })?;
    Ok(x)
}

/// Says whether a GPU may round to TF32's ten bits in convolutions and products of single precision.
pub(in crate::ml) fn allow_tf32(allowed: bool) -> Result<(), TchError> {
    // Safe: it sets a flag.
    told(unsafe { ablate_allow_tf32(allowed) })
}

/// Returns whether this processor has units that multiply tiles of bfloat16 (AMX), and this process may use them.
pub(in crate::ml) fn multiplies_tiles() -> Result<bool, TchError> {
    let mut answer = false;
    // Safe: it writes one truth, which lives.
    told(unsafe { ablate_multiplies_tiles(&raw mut answer) })?;
    Ok(answer)
}

/// Lets MKL choose its code for each elementary function, before threads that call one at once choose in a race: now
/// and then one of them computes less exactly for that call, and a training would not repeat. The first time decides.
pub(in crate::ml) fn choose_functions() -> Result<(), TchError> {
    // Safe: it computes with numbers of its own.
    told(unsafe { ablate_choose_functions() })
}

/// Says whether only those algorithms are used that give the same bits each time.
pub(in crate::ml) fn repeat_exactly(exactly: bool) -> Result<(), TchError> {
    // Safe: it sets flags.
    told(unsafe { ablate_repeat_exactly(exactly) })
}

/// Forgets how much of a GPU's memory was taken until now.
pub(in crate::ml) fn forget_peak(gpu: usize) -> Result<(), TchError> {
    // Safe: it sets counters.
    told(unsafe { ablate_forget_peak(number(gpu)?) })
}

/// Returns the most of a GPU's memory that was taken since, bytes.
pub(in crate::ml) fn peak(gpu: usize) -> Result<u64, TchError> {
    let mut bytes = 0;
    // Safe: it writes one number, which lives.
    told(unsafe { ablate_peak(number(gpu)?, &raw mut bytes) })?;
    Ok(bytes.cast_unsigned())
}

fn number(gpu: usize) -> Result<i8, TchError> {
    i8::try_from(gpu).map_err(|_| TchError::Torch(format!("there is no GPU {gpu}")))
}

/// While it lives, this thread computes without anything that gradients would need; what it makes meanwhile can
/// never have any.
#[derive(Debug)]
pub(in crate::ml) struct Inference(*mut c_void);

impl Inference {
    /// Begins to compute so.
    pub(in crate::ml) fn new() -> Self {
        // Safe: it makes an object that is this one's own. A raw pointer keeps it on this thread.
        Self(unsafe { ablate_enter_inference() })
    }
}

impl Drop for Inference {
    fn drop(&mut self) {
        // Safe: the object was made above and is ended once.
        unsafe { ablate_leave_inference(self.0) }
    }
}

fn pointers(tensors: &[Tensor]) -> Vec<*const c_void> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}

/// Returns how many tensors each list has: libtorch would read past the end of shorter ones.
fn same_shapes(lists: &[&[Tensor]]) -> usize {
    let shapes = |list: &[Tensor]| list.iter().map(Tensor::size).collect::<Vec<_>>();
    let first = shapes(lists[0]);
    assert!(lists.iter().all(|list| shapes(list) == first), "tensors of different shapes");
    first.len()
}

/// Takes what a function threw.
fn told(thrown: *mut c_char) -> Result<(), TchError> {
    if thrown.is_null() {
        return Ok(());
    }
    // Safe: what is not null is a text that ends, and is ours to free.
    let text = unsafe { CStr::from_ptr(thrown) }.to_string_lossy().into_owned();
    unsafe { libc::free(thrown.cast()) };
    Err(TchError::Torch(text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Inference;
    use super::Tensor;
    use super::choose_functions;
    use super::leaky_relu;
    use super::sgd;

    #[test]
    fn what_is_negative_is_multiplied_and_the_gradient_with_it() {
        let start = Tensor::from_slice(&[-2.0_f32, 3.0]).set_requires_grad(true);
        let x = leaky_relu(&start * 1.0, 0.2).unwrap();
        assert_eq!(Vec::<f32>::try_from(&x.detach()).unwrap(), [-0.4, 3.0]);
        let slope = Tensor::run_backward(&[x.sum(None)], &[&start], false, false);
        assert_eq!(Vec::<f32>::try_from(&slope[0]).unwrap(), [0.2, 1.0]);
    }

    #[test]
    fn what_is_computed_without_gradients_never_has_any() {
        let weights = Tensor::from_slice(&[2.0_f32]).set_requires_grad(true);
        let made = {
            let _mode = Inference::new();
            &weights * 3.0
        };
        assert_eq!(Vec::<f32>::try_from(&made).unwrap(), [6.0]);
        assert!(!made.requires_grad());
        assert!(weights.f_mul(&made).is_err(), "libtorch refuses it a gradient");
        assert!((&weights * 3.0).requires_grad(), "the mode has ended");
    }

    #[test]
    fn the_memory_of_a_gpu_that_is_not_there_is_an_error() {
        assert!(super::peak(99).is_err());
        assert!(super::forget_peak(1000).is_err());
    }

    /// Two threads that both make the first call show no fault but once in hundreds of processes, so what is tested is
    /// that no function was forgotten, by the header of the libtorch at hand.
    #[test]
    fn each_function_that_libtorch_leaves_to_mkl_is_called_before_its_threads_do() {
        choose_functions().unwrap();
        let Ok(libtorch) = std::env::var("LIBTORCH") else {
            println!("skipped: LIBTORCH names no folder; `.ci/with-libtorch` does");
            return;
        };
        let header = Path::new(&libtorch).join("include/ATen/cpu/vml.h");
        let header = std::fs::read_to_string(&header).expect("libtorch has its headers");
        let lines = header.lines().filter_map(|line| line.strip_prefix("IMPLEMENT_VML_MKL("));
        let named: Vec<&str> = lines.filter_map(|line| Some(line.split_once(',')?.0)).collect();
        assert!(named.contains(&"tanh"), "{named:?}");
        let called = include_str!("libtorch.cpp").split_once("for (auto function : {").unwrap().1;
        let called = called.split_once('}').unwrap().0;
        let called: Vec<&str> =
            called.split(',').filter_map(|name| name.trim().strip_prefix("at::")).collect();
        let forgotten: Vec<_> = named.iter().filter(|name| !called.contains(name)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    }

    #[test]
    fn what_libtorch_throws_is_an_error() {
        let whole = Tensor::from_slice(&[-1_i64]);
        assert!(leaky_relu(whole, 0.2).is_err());
    }

    #[test]
    #[should_panic(expected = "tensors of different shapes")]
    fn tensors_of_different_shapes_are_refused_before_memory_is_touched() {
        let zeros = |length| [Tensor::zeros([length], tch::kind::FLOAT_CPU)];
        let _ = sgd((1.0, 0.0, 0.0), &zeros(2), &zeros(3), &[], true);
    }
}
