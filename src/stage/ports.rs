//! Ports: the named, typed places where artifacts enter and leave a stage.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::artifact::Error;
use crate::artifact::Partition;
use crate::artifact::Tree;
use crate::stage::PortName;
use crate::stage::Produced;

/// What a stage does with what enters at a port: decides which partitions may reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Passed on, changed or not: any partition may enter.
    Pass,
    /// Fits weights, selects or labels by it: only training images may enter.
    Fit,
    /// Chooses between epochs or settings by it: training and validation images may enter.
    Select,
    /// Measures with it: any partition may enter.
    Measure,
}

/// Which partitions the images that leave at a port were made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lineage {
    /// All of them: images straight from a source.
    All,
    /// One: what a split separates.
    Only(Partition),
    /// Those of all inputs.
    Inputs,
}

/// A named, typed place where artifacts enter or leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Name in manifests.
    pub name: PortName,
    /// Type of artifact.
    pub artifact: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Whether a stage runs without it.
    pub optional: bool,
    /// Whether it takes a list, whose image sets are joined in order.
    pub many: bool,
    /// What the stage does with what enters.
    pub role: Role,
    /// Which partitions leave.
    pub lineage: Lineage,
}

/// The ports of a stage: those of its kind, or those that its params declare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// What enters.
    pub inputs: Vec<Port>,
    /// What leaves.
    pub outputs: Vec<Port>,
}

impl Ports {
    /// Returns an input port by name.
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == *name)
    }

    /// Returns an output port by name.
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == *name)
    }
}

/// Input artifacts as files: port -> one tree for each artifact connected to it.
pub type Trees = BTreeMap<String, Vec<Tree>>;

/// A struct whose fields are input ports.
pub trait Inputs: Sized {
    /// The ports, in order of fields.
    const PORTS: &'static [Port];

    /// Opens the artifacts of every port.
    fn open(trees: &Trees) -> Result<Self, Error>;
}

/// A struct whose fields are output ports.
pub trait Outputs: Sized {
    /// The ports, in order of fields; the first is meant where a manifest names only the stage.
    const PORTS: &'static [Port];

    /// Writes every artifact into the folder of its port.
    fn write(&self, folder: &Path) -> Result<BTreeMap<String, Produced>, Error>;
}

/// Something that a field of inputs can be: an artifact, an optional one, or a list.
pub trait PortValue: Sized {
    /// Type of artifact.
    const ARTIFACT: &'static str;
    /// Whether it may be absent.
    const OPTIONAL: bool;
    /// Whether there may be several.
    const MANY: bool;

    /// Opens it from the trees connected to its port.
    fn open(name: &str, trees: &[Tree]) -> Result<Self, Error>;
}

impl<A: Artifact> PortValue for A {
    const ARTIFACT: &'static str = A::TYPE;
    const OPTIONAL: bool = false;
    const MANY: bool = false;

    fn open(name: &str, trees: &[Tree]) -> Result<Self, Error> {
        match trees {
            [tree] => A::read(tree),
            _ => Err(Error::malformed(name, format!("{} artifacts; one expected", trees.len()))),
        }
    }
}

impl<A: Artifact> PortValue for Option<A> {
    const ARTIFACT: &'static str = A::TYPE;
    const OPTIONAL: bool = true;
    const MANY: bool = false;

    fn open(name: &str, trees: &[Tree]) -> Result<Self, Error> {
        if trees.is_empty() { Ok(None) } else { A::open(name, trees).map(Some) }
    }
}

impl<T: Artifact> PortValue for Vec<T> {
    const ARTIFACT: &'static str = T::TYPE;
    const OPTIONAL: bool = false;
    const MANY: bool = true;

    fn open(_: &str, trees: &[Tree]) -> Result<Self, Error> {
        trees.iter().map(T::read).collect()
    }
}

impl<A: Artifact> PortValue for Option<Vec<A>> {
    const ARTIFACT: &'static str = A::TYPE;
    const OPTIONAL: bool = true;
    const MANY: bool = true;

    fn open(name: &str, trees: &[Tree]) -> Result<Self, Error> {
        if trees.is_empty() { Ok(None) } else { Vec::open(name, trees).map(Some) }
    }
}

/// Declares the ports of a stage: a struct of inputs (each with its role) or of outputs (each with
/// its lineage). The doc comment of a field is the port's sentence in `ablate kinds`.
macro_rules! ports {
    ($(#[$meta:meta])* inputs $name:ident { $(#[doc = $about:literal] $field:ident: $type:ty = $role:ident,)* }) => {
        $(#[$meta])*
        pub struct $name { $(#[doc = $about] pub $field: $type,)* }

        impl $crate::stage::Inputs for $name {
            const PORTS: &'static [$crate::stage::Port] = &[$($crate::stage::Port {
                name: $crate::stage::PortName::new(stringify!($field)),
                artifact: <$type as $crate::stage::PortValue>::ARTIFACT,
                about: $about.trim_ascii(),
                optional: <$type as $crate::stage::PortValue>::OPTIONAL,
                many: <$type as $crate::stage::PortValue>::MANY,
                role: $crate::stage::Role::$role,
                lineage: $crate::stage::Lineage::Inputs,
            },)*];

            fn open(trees: &$crate::stage::Trees) -> Result<Self, $crate::artifact::Error> {
                $(let $field = trees.get(stringify!($field)).map_or(&[][..], Vec::as_slice);)*
                let _ = trees; // a kind may have no input
                Ok(Self { $($field: $crate::stage::PortValue::open(stringify!($field), $field)?,)* })
            }
        }
    };
    ($(#[$meta:meta])* outputs $name:ident { $(#[doc = $about:literal] $field:ident: $type:ty = $lineage:expr,)* }) => {
        $(#[$meta])*
        pub struct $name { $(#[doc = $about] pub $field: $type,)* }

        impl $crate::stage::Outputs for $name {
            const PORTS: &'static [$crate::stage::Port] = &[$($crate::stage::Port {
                name: $crate::stage::PortName::new(stringify!($field)),
                artifact: <$type as $crate::artifact::Artifact>::TYPE,
                about: $about.trim_ascii(),
                optional: false,
                many: false,
                role: $crate::stage::Role::Pass,
                lineage: $lineage,
            },)*];

            fn write(
                &self,
                folder: &std::path::Path,
            ) -> Result<std::collections::BTreeMap<String, $crate::stage::Produced>, $crate::artifact::Error> {
                let mut produced = std::collections::BTreeMap::new();
                $(
                    let port = folder.join(stringify!($field));
                    $crate::files::create_folder(&port)?;
                    $crate::artifact::Artifact::write(&self.$field, &port)?;
                    let summary = $crate::artifact::Artifact::summary(&self.$field);
                    produced.insert(stringify!($field).to_owned(), $crate::stage::Produced { folder: port, summary });
                )*
                Ok(produced)
            }
        }
    };
}
pub(crate) use ports;
