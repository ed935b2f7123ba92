//! The named tensors of a network: how they are made, drawn and laid out in memory.
//!
//! All trainable tensors lie in one flat buffer, in the order of their names, with the channels of
//! convolutions last: a clamp or an optimiser's step over the whole network is then a few
//! operations. Where layers compute with 16 bits, their weights are rounded copies of that buffer, which
//! stays in single precision: small steps would be lost in 8 bits (Micikevicius et al. 2018). Knows nothing
//! of files.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rayon::iter::IndexedParallelIterator;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;
use tch::Device;
use tch::Kind;
use tch::Tensor;

use crate::ml::checkpoint;
use crate::ml::checkpoint::State;
use crate::ml::precision::Bits;
use crate::seed::Seed;
use crate::stage::StageError;

/// Tensors start at multiples of 64 bytes.
const ALIGNMENT: i64 = 16;
/// Numbers that are drawn from one stream; fixed, since it decides the numbers.
const DRAW: usize = 1 << 16;

/// How a tensor's first numbers are chosen.
#[derive(Debug, Clone, Copy)]
pub(in crate::ml) enum Initial {
    /// All the same.
    Constant(f32),
    /// Normal.
    Normal { mean: f64, deviation: f64 },
    /// Uniform from `-bound` to `bound`.
    Uniform { bound: f64 },
}

/// One trainable tensor's place in the flat buffer.
#[derive(Debug)]
struct Segment {
    start: i64,
    length: i64,
}

/// The named tensors of a network.
#[derive(Debug)]
pub(in crate::ml) struct Parameters {
    seed: Option<Seed>,
    trainable: BTreeMap<String, Trainable>,
    buffers: BTreeMap<String, Tensor>,
    counters: BTreeMap<String, Rc<Cell<i64>>>,
    segments: Vec<Segment>,
    flat: Tensor,
    /// The same numbers in 16 bits, where layers compute with them.
    rounded: Option<Tensor>,
}

/// A tensor that training changes.
#[derive(Debug)]
struct Trainable {
    /// What layers compute with.
    used: Tensor,
    /// What steps change: the same memory, or that of which `used` is a rounded copy.
    kept: Tensor,
}

/// A place in a network's tree of names, where tensors are made.
pub(in crate::ml) struct Scope<'a> {
    parameters: &'a mut Parameters,
    prefix: String,
}

impl Parameters {
    /// Returns an empty collection; without a seed all tensors start at zero, to be loaded.
    pub(in crate::ml) fn new(seed: Option<Seed>) -> Self {
        Self {
            seed,
            trainable: BTreeMap::new(),
            buffers: BTreeMap::new(),
            counters: BTreeMap::new(),
            segments: Vec::new(),
            flat: Tensor::new(),
            rounded: None,
        }
    }

    /// Returns the top of the tree of names.
    pub(in crate::ml) fn root(&mut self) -> Scope<'_> {
        Scope { parameters: self, prefix: String::new() }
    }

    /// Takes the tensors below a name, such as `layer1`, out of training; answers whether there are any. Called
    /// before the network has its place.
    pub(in crate::ml) fn freeze(&mut self, name: &str) -> bool {
        let is_below =
            |full: &String| full.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let names: Vec<String> =
            self.trainable.keys().filter(|full| is_below(full)).cloned().collect();
        for name in &names {
            if let Some(Trainable { kept, .. }) = self.trainable.remove(name) {
                self.buffers.insert(name.clone(), kept);
            }
        }
        !names.is_empty()
    }

    /// Moves all tensors to a device and the trainable ones into one flat buffer; weights with two or more
    /// dimensions are used in the given number of bits. The layers that hold them see the move. Called once,
    /// when the network is complete.
    pub(in crate::ml) fn place(&mut self, device: Device, bits: Bits) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        for tensor in self.buffers.values_mut() {
            let moved = tensor.f_to_device(device)?;
            tensor.f_set_data(&moved)?;
        }
        let mut end = 0;
        for tensor in self.trainable.values() {
            let length = tensor.kept.numel() as i64;
            self.segments.push(Segment { start: end, length });
            end += length + Self::gap(length);
        }
        self.flat = Tensor::f_zeros([end], (Kind::Float, device))?;
        if bits == Bits::Sixteen {
            self.rounded = Some(Tensor::f_zeros([end], (Kind::BFloat16, device))?);
        }
        for (segment, Trainable { used, kept }) in
            self.segments.iter().zip(self.trainable.values_mut())
        {
            let place = |flat: &Tensor| {
                shaped(&flat.f_narrow(0, segment.start, segment.length)?, &used.size())
            };
            let mut placed = place(&self.flat)?;
            placed.f_copy_(used)?;
            *kept = placed;
            match &self.rounded {
                Some(rounded) if used.dim() > 1 => {
                    let rounded = place(rounded)?;
                    used.f_set_data(&rounded)?;
                }
                _ => used.f_set_data(kept)?,
            }
            let _same = used.f_set_requires_grad(true)?;
        }
        self.round()
    }

    /// Rounds what layers compute with anew. Called after each change of the flat buffer.
    pub(in crate::ml) fn round(&mut self) -> Result<(), StageError> {
        let _guard = tch::no_grad_guard();
        if let Some(rounded) = &mut self.rounded {
            rounded.f_copy_(&self.flat)?;
        }
        Ok(())
    }

    /// Returns how many unused numbers follow a trainable tensor of a length in the flat buffer.
    pub(in crate::ml) fn gap(length: i64) -> i64 {
        (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT
    }

    /// Returns the trainable tensors, as layers use them, in the order of their names.
    pub(in crate::ml) fn trainable(&self) -> Vec<&Tensor> {
        self.trainable.values().map(|tensor| &tensor.used).collect()
    }

    /// Returns the flat buffer that the trainable tensors are views of.
    pub(in crate::ml) fn flat(&self) -> Tensor {
        self.flat.shallow_clone()
    }

    /// Returns the flat pieces of a buffer laid out like [`Parameters::flat`], one a trainable.
    pub(in crate::ml) fn pieces(&self, flat: &Tensor) -> Result<Vec<Tensor>, StageError> {
        let piece = |s: &Segment| Ok(flat.f_narrow(0, s.start, s.length)?);
        self.segments.iter().map(piece).collect()
    }

    /// Returns the gradients of a loss in single precision: one flat tensor a trainable, in its order of
    /// memory.
    pub(in crate::ml) fn gradients(&self, loss: &Tensor) -> Result<Vec<Tensor>, StageError> {
        let gradients = Tensor::f_run_backward(&[loss], &self.trainable(), false, false)?;
        let _guard = tch::no_grad_guard();
        let mut all = Vec::with_capacity(gradients.len());
        for (gradient, tensor) in gradients.into_iter().zip(self.trainable.values()) {
            let gradient =
                if gradient.defined() { gradient } else { tensor.kept.f_zeros_like()? };
            all.push(flattened(&gradient)?.f_to_kind(Kind::Float)?);
        }
        Ok(all)
    }

    /// Returns every tensor by its name, counters included, as `state_dict` of PyTorch would.
    pub(in crate::ml) fn named(&self) -> Result<BTreeMap<String, Tensor>, StageError> {
        let mut named: BTreeMap<String, Tensor> = self
            .tensors()
            .map(|(name, tensor)| Ok((name.clone(), tensor.f_detach()?)))
            .collect::<Result<_, StageError>>()?;
        for (name, counter) in &self.counters {
            named.insert(name.clone(), Tensor::f_from_slice(&[counter.get()])?.f_view([0_i64; 0])?);
        }
        Ok(named)
    }

    /// Replaces a tensor's numbers; answers whether there is one of that name and shape. Once the network has
    /// its place, [`Parameters::round`] follows.
    pub(in crate::ml) fn set(&mut self, name: &str, value: &Tensor) -> Result<bool, StageError> {
        let _guard = tch::no_grad_guard();
        if let Some(counter) = self.counters.get(name) {
            let single = value.numel() == 1;
            if single {
                counter.set(value.f_view([1])?.f_int64_value(&[0])?);
            }
            return Ok(single);
        }
        let trainable = self.trainable.get(name).map(|tensor| &tensor.kept);
        match trainable.or_else(|| self.buffers.get(name)) {
            Some(tensor) if tensor.size() == value.size() => tensor.f_detach()?.f_copy_(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns all tensors but counters, with their names.
    fn tensors(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        let trainable = self.trainable.iter().map(|(name, tensor)| (name, &tensor.kept));
        trainable.chain(&self.buffers)
    }

    /// Adds every tensor to a state, under names that start with `prefix`.
    pub(in crate::ml) fn save(&self, prefix: &str, state: &mut State) -> Result<(), StageError> {
        let named = self.named()?.into_iter();
        state.extend(named.map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)));
        Ok(())
    }

    /// Goes back to a state that [`Parameters::save`] gave.
    pub(in crate::ml) fn restore(&mut self, prefix: &str, state: &State) -> Result<(), StageError> {
        for name in self.named()?.into_keys() {
            let full = format!("{prefix}.{name}");
            if !self.set(&name, checkpoint::part(state, &full)?)? {
                return Err(StageError::data(format!("the checkpoint's `{full}` does not fit")));
            }
        }
        self.round()
    }

    /// Returns the names and shapes of all tensors but counters.
    pub(in crate::ml) fn shapes(&self) -> BTreeMap<String, Vec<i64>> {
        self.tensors().map(|(name, tensor)| (name.clone(), tensor.size())).collect()
    }
}

impl Scope<'_> {
    /// Returns the place of a part of this part.
    pub(in crate::ml) fn at(&mut self, name: impl std::fmt::Display) -> Scope<'_> {
        Scope { prefix: format!("{}{name}.", self.prefix), parameters: self.parameters }
    }

    /// Makes a tensor that training changes.
    pub(in crate::ml) fn trainable(
        &mut self,
        name: &str,
        shape: &[i64],
        initial: Initial,
    ) -> Result<Tensor, StageError> {
        let name = format!("{}{name}", self.prefix);
        let tensor = self.first(&name, shape, initial)?;
        let (used, kept) = (tensor.shallow_clone(), tensor.shallow_clone());
        self.parameters.trainable.insert(name, Trainable { used, kept });
        Ok(tensor)
    }

    /// Returns the first numbers of a tensor.
    fn first(&self, name: &str, shape: &[i64], initial: Initial) -> Result<Tensor, StageError> {
        Ok(match (initial, self.parameters.seed) {
            (_, None) => Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?,
            (Initial::Constant(value), _) => {
                Tensor::f_full(shape, f64::from(value), (Kind::Float, Device::Cpu))?
            }
            (initial, Some(seed)) => {
                let length = shape.iter().product::<i64>() as usize;
                let numbers = draw(seed.named(name), length, initial)?;
                Tensor::f_from_slice(&numbers)?.f_view(shape)?
            }
        })
    }

    /// Makes a tensor that is not trained but belongs to the network.
    pub(in crate::ml) fn buffer(
        &mut self,
        name: &str,
        shape: &[i64],
        initial: Initial,
    ) -> Result<Tensor, StageError> {
        let name = format!("{}{name}", self.prefix);
        let tensor = self.first(&name, shape, initial)?;
        self.parameters.buffers.insert(name, tensor.shallow_clone());
        Ok(tensor)
    }

    /// Makes a counter that belongs to the network.
    pub(in crate::ml) fn counter(&mut self, name: &str) -> Rc<Cell<i64>> {
        let counter = Rc::new(Cell::new(0));
        self.parameters.counters.insert(format!("{}{name}", self.prefix), Rc::clone(&counter));
        counter
    }
}

/// Draws numbers from streams of the seed, the same ones with any number of threads.
fn draw(seed: Seed, length: usize, initial: Initial) -> Result<Vec<f32>, StageError> {
    let mut numbers: Vec<f32> = Vec::new();
    numbers.try_reserve_exact(length).map_err(|_| {
        let problem = format!("a tensor of {length} numbers does not fit into memory");
        StageError::data(problem).help("make the network smaller")
    })?;
    numbers.resize(length, 0.0);
    numbers.par_chunks_mut(DRAW).enumerate().for_each(|(chunk, numbers)| {
        let mut stream = seed.number(chunk as u64).stream();
        for number in numbers {
            *number = match initial {
                Initial::Constant(value) => value,
                Initial::Normal { mean, deviation } => (mean + deviation * stream.normal()) as f32,
                Initial::Uniform { bound } => stream.range(-bound, bound) as f32,
            };
        }
    });
    Ok(numbers)
}

/// Views flat memory as a tensor; a convolution's four dimensions with the channels last.
fn shaped(memory: &Tensor, shape: &[i64]) -> Result<Tensor, StageError> {
    match *shape {
        [a, b, c, d] => Ok(memory.f_view([a, c, d, b])?.f_permute([0, 3, 1, 2])?),
        _ => Ok(memory.f_view(shape)?),
    }
}

/// The inverse of [`shaped`]; copies only where the memory is not laid out so.
fn flattened(tensor: &Tensor) -> Result<Tensor, StageError> {
    match tensor.dim() {
        4 => Ok(tensor.f_permute([0, 2, 3, 1])?.f_reshape([-1])?),
        _ => Ok(tensor.f_reshape([-1])?),
    }
}
