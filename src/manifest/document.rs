//! The document: a manifest's own fields, typed; params stay untyped, since kinds are unknown here.

use serde_json::Value;

use crate::manifest::Content;
use crate::manifest::Entry;
use crate::manifest::InputSpec;
use crate::manifest::Located;
use crate::manifest::Node;
use crate::manifest::Problem;
use crate::manifest::Problems;
use crate::manifest::did_you_mean;
use crate::manifest::fields::Fields;
use crate::manifest::fields::scalar;
use crate::manifest::fields::wrong;
use crate::manifest::reference::feed;

/// The manifest format that this program reads.
const FORMAT: u64 = 1;
/// Most retries of a stage.
const RETRIES: u64 = 100;
/// Fields of a manifest, in the order of its canonical layout.
pub(super) const FIELDS: &[&str] = &[
    "ablate", "extends", "name", "about", "seed", "vars", "axes", "exclude", "only", "table",
    "stages",
];
/// Fields of a stage, in the order of its canonical layout.
pub(super) const STAGE_FIELDS: &[&str] = &[
    "kind",
    "about",
    "spans",
    "crosses",
    "inputs",
    "params",
    "resources",
    "retries",
    "allow_leakage",
];

/// A manifest, merged and typed.
#[derive(Debug, Clone)]
pub struct Document {
    /// Name of the study.
    pub name: String,
    /// One sentence on it; empty where nothing is said.
    pub about: String,
    /// Decides every draw of the study.
    pub seed: u64,
    /// Values for `${vars.x}`: a map.
    pub vars: Node,
    /// Dimensions of the study, in order.
    pub axes: Vec<AxisSpec>,
    /// Cells to leave out: each a list of axis and value.
    pub exclude: Vec<Vec<(Located<String>, Located<String>)>>,
    /// Cells to keep, in the same form; empty where all are kept.
    pub only: Vec<Vec<(Located<String>, Located<String>)>>,
    /// Shape of the study's table, where the manifest gives one.
    pub table: Option<TableSpec>,
    /// Stages, in order.
    pub stages: Vec<StageSpec>,
    /// `--set` arguments, as given.
    pub overrides: Vec<String>,
    /// What is wrong and keeps nobody from reading on: a plan reports it with what it finds itself.
    pub problems: Problems,
}

/// A dimension of the study.
#[derive(Debug, Clone)]
pub struct AxisSpec {
    /// Its name.
    pub name: Located<String>,
    /// Its values, in order.
    pub values: Vec<AxisSpecValue>,
}

/// One value of an axis.
#[derive(Debug, Clone)]
pub struct AxisSpecValue {
    /// How slices and tables call it.
    pub name: Located<String>,
    /// What `${axis.x}` puts in its place; the fields beside `name` where it is a map.
    pub value: Value,
}

/// The shape of the study's table.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Stage whose scores it shows.
    pub stage: Option<Located<String>>,
    /// Axes of its rows.
    pub rows: Vec<Located<String>>,
    /// Axes of its columns.
    pub columns: Vec<Located<String>>,
    /// The measure in its cells.
    pub value: Option<Located<String>>,
    /// The row with which all others are compared.
    pub baseline: Option<Located<String>>,
}

/// A stage as the manifest writes it.
#[derive(Debug, Clone)]
pub struct StageSpec {
    /// Its name.
    pub name: Located<String>,
    /// Its kind; empty where it has none, which is a problem that has been noted.
    pub kind: Located<String>,
    /// What enters it.
    pub inputs: Vec<InputSpec>,
    /// Its params: a map, or nothing.
    pub params: Node,
    /// What a run takes, where the manifest says.
    pub resources: Option<Node>,
    /// Times that a failed run is tried again.
    pub retries: u32,
    /// Axes that it spans beside those of its inputs and params.
    pub spans: Vec<Located<String>>,
    /// Axes of which its inputs may hold different values.
    pub crosses: Vec<Located<String>>,
    /// Why test images may reach it, where they may.
    pub allow_leakage: Option<Located<String>>,
    /// One sentence on it; empty where nothing is said.
    pub about: String,
}

impl Document {
    /// Reads a merged manifest; an error is what keeps it from being understood.
    pub(super) fn read(root: &Node, overrides: &[String]) -> Result<Self, Problems> {
        let (mut light, mut grave) = (Problems::default(), Problems::default());
        check_format(root, &mut light);
        let mut fields = Fields::open(root, "the manifest", FIELDS, &mut light);
        let name = fields.text("name");
        if name.is_none() && fields.get("name").is_none() {
            fields.missing("name", "the manifest", "name: my-study");
        }
        let about = fields.text("about");
        let seed = fields.number("seed", u64::MAX);
        let mut fields = Fields::of(root, &mut grave);
        let axes = fields.map("axes");
        let exclude = fields.list("exclude");
        let only = fields.list("only");
        let stages = fields.map("stages");
        if stages.is_empty()
            && fields.get("stages").is_none_or(|node| node.content == Content::Map(Vec::new()))
        {
            fields.missing("stages", "the manifest", "stages: {retina: {kind: load}}");
        }
        let vars = fields.get("vars").cloned();
        let _ = fields.map("vars");
        let table = fields.get("table");
        let empty = Node { content: Content::Map(Vec::new()), span: root.span };
        let document = Self {
            name: name.map(|name| name.value).unwrap_or_default(),
            about: about.map(|about| about.value).unwrap_or_default(),
            seed: seed.unwrap_or(0),
            vars: vars.unwrap_or(empty),
            axes: axes.iter().filter_map(|axis| read_axis(axis, &mut grave)).collect(),
            exclude: exclude.iter().map(|cell| read_cell("exclude", cell, &mut grave)).collect(),
            only: only.iter().map(|cell| read_cell("only", cell, &mut grave)).collect(),
            table: table.map(|table| read_table(table, &mut light)),
            stages: stages.iter().map(|stage| read_stage(stage, &mut light, &mut grave)).collect(),
            overrides: overrides.to_vec(),
            problems: Problems::default(),
        };
        if grave.is_empty() {
            return Ok(Self { problems: light, ..document });
        }
        light.extend(grave);
        light.or(document)
    }

    /// Returns a stage by name.
    pub fn stage(&self, name: &str) -> Option<&StageSpec> {
        self.stages.iter().find(|stage| stage.name.value == name)
    }
}

fn check_format(root: &Node, problems: &mut Problems) {
    match root.get("ablate").filter(|node| !node.is_null()) {
        None => {
            let problem =
                Problem::at(root.span.piece(0, 0), "the manifest has no `ablate`, its format");
            problems.push(problem.help(format!("write `ablate: {FORMAT}`")));
        }
        Some(node) if node.to_json() != FORMAT => {
            let (known, instead) = (format!("`{FORMAT}`"), "`ablate: 1`, or take a newer program");
            wrong(node, "the manifest's format `ablate`", &known, instead, problems);
        }
        Some(_) => {}
    }
}

fn read_axis(entry: &Entry, problems: &mut Problems) -> Option<AxisSpec> {
    let what = format!("axis `{}`", entry.key.value);
    check_name(&entry.key, "an axis", problems);
    let Content::List(items) = &entry.value.content else {
        let instead = format!("`{}: [ONE, OTHER]`", entry.key.value);
        wrong(&entry.value, &what, "a list of values", &instead, problems);
        return None;
    };
    if items.is_empty() {
        let problem = Problem::at(entry.value.span, format!("{what} has no values"));
        problems.push(problem.help("give it one value or more, or take it away"));
    }
    let mut values: Vec<AxisSpecValue> = Vec::new();
    for item in items {
        let Some(value) = read_axis_value(item, &what, problems) else { continue };
        if values.iter().any(|known| known.name.value == value.name.value) {
            let message = format!("{what} has the value `{}` twice", value.name.value);
            let help = "a value names one column or row: take one of them away";
            problems.push(Problem::at(value.name.span, message).help(help));
        }
        values.push(value);
    }
    Some(AxisSpec { name: entry.key.clone(), values })
}

fn read_axis_value(item: &Node, what: &str, problems: &mut Problems) -> Option<AxisSpecValue> {
    if !matches!(item.content, Content::Map(_)) {
        let name = scalar(item, &format!("a value of {what}"), problems)?;
        check_value(&name, problems);
        return Some(AxisSpecValue { name, value: item.to_json() });
    }
    let Some(name) = item.get("name") else {
        let problem =
            Problem::at(item.span.piece(0, 1), format!("a value of {what} has no `name`"));
        problems.push(problem.help("write `{name: ..., ...}`"));
        return None;
    };
    let name = scalar(name, "`name`", problems)?;
    check_value(&name, problems);
    let mut value = item.to_json();
    value.as_object_mut().map(|fields| fields.remove("name"));
    Some(AxisSpecValue { name, value })
}

fn read_cell(
    field: &str,
    item: &Node,
    problems: &mut Problems,
) -> Vec<(Located<String>, Located<String>)> {
    if item.entries().is_empty() {
        let (what, instead) =
            (format!("an entry of `{field}`"), format!("`{field}: [{{AXIS: VALUE}}]`"));
        wrong(item, &what, "a map of axes and values", &instead, problems);
    }
    let pair = |entry: &Entry| {
        let value = scalar(&entry.value, &format!("the value of `{}`", entry.key.value), problems)?;
        Some((entry.key.clone(), value))
    };
    item.entries().iter().filter_map(pair).collect()
}

fn read_table(node: &Node, problems: &mut Problems) -> TableSpec {
    let known = ["stage", "rows", "columns", "value", "baseline"];
    let mut fields = Fields::open(node, "`table`", &known, problems);
    TableSpec {
        stage: fields.text("stage"),
        rows: fields.texts("rows"),
        columns: fields.texts("columns"),
        value: fields.text("value"),
        baseline: fields.text("baseline"),
    }
}

fn read_stage(entry: &Entry, light: &mut Problems, grave: &mut Problems) -> StageSpec {
    let what = format!("stage `{}`", entry.key.value);
    check_name(&entry.key, "a stage", grave);
    let is_map = matches!(entry.value.content, Content::Map(_) | Content::Null);
    // Without the params or inputs that a misspelt field was meant to give, much else seems wrong.
    let is_misspelt = |field: &Entry| {
        let name = field.key.value.as_str();
        !STAGE_FIELDS.contains(&name) && did_you_mean(name, ["params", "inputs"]).is_some()
    };
    let is_clear = is_map && !entry.value.entries().iter().any(is_misspelt);
    let mut fields =
        Fields::open(&entry.value, &what, STAGE_FIELDS, if is_clear { light } else { grave });
    let kind = fields.text("kind");
    let retries = fields.number("retries", RETRIES).unwrap_or(0);
    let spans = fields.texts("spans");
    let crosses = fields.texts("crosses");
    let allow_leakage = fields.sentence("allow_leakage");
    let about = fields.text("about").map(|about| about.value).unwrap_or_default();
    if kind.is_none() && is_map && entry.value.get("kind").is_none_or(Node::is_null) {
        let problem = Problem::at(entry.key.span, format!("{what} has no `kind`"));
        fields.report(
            problem.help("write `kind: load`, or another of those that `ablate kinds` lists"),
        );
    }
    let mut fields = Fields::of(&entry.value, grave);
    let inputs = fields.map("inputs");
    let params = fields.get("params").cloned();
    let _ = params.as_ref().filter(|params| params.text().is_none()).map(|_| fields.map("params"));
    let resources = fields.get("resources").cloned();
    let _ = fields.map("resources");
    let inputs = inputs
        .iter()
        .map(|input| InputSpec { port: input.key.clone(), feed: feed(&input.value, grave) })
        .collect();
    StageSpec {
        name: entry.key.clone(),
        kind: kind.unwrap_or(Located::new(String::new(), entry.key.span)),
        inputs,
        params: params.unwrap_or(Node { content: Content::Null, span: entry.key.span }),
        resources,
        retries: u32::try_from(retries).unwrap_or(0),
        spans,
        crosses,
        allow_leakage,
        about,
    }
}

fn check_name(name: &Located<String>, what: &str, problems: &mut Problems) {
    let allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.value.is_empty() || !name.value.chars().all(allowed) {
        let message = format!("`{}` cannot name {what}", name.value);
        let problem = Problem::at(name.span, message);
        problems.push(problem.help("a name consists of letters, digits, `-` and `_`"));
    }
}

fn check_value(name: &Located<String>, problems: &mut Problems) {
    if name.value.is_empty() || name.value.contains([',', ']', '[', '=']) {
        let message = format!("`{}` cannot name a value of an axis", name.value);
        let problem = Problem::at(name.span, message);
        problems.push(
            problem.help(
                "slices are written `stage[axis=value,...]`: leave out `,`, `=`, `[` and `]`",
            ),
        );
    }
}
