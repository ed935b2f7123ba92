//! The command line as typed: names, options and their help. What they mean is decided elsewhere.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;

use crate::cli::guard;
use crate::cli::units;

/// Does this augmentation help? Runs studies on medical images from one manifest, and runs again
/// only what a change reaches.
#[derive(Debug, Parser)]
#[command(name = "ablate", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of the cache
    #[arg(long, global = true, value_name = "DIR", env = "ABLATE_CACHE", default_value = "cache")]
    pub(crate) cache: PathBuf,
    /// Say more: -v for what is decided, -vv for every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say less: -q for problems only, -qq for errors only
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) quiet: u8,
    /// Form of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Colours and progress bars
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// When to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Where the output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Form of the result on standard output.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Form {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

impl Form {
    /// Returns whether the result is for programs.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }
}

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs; stable
    Json,
}

/// A manifest, and what the command line changes in it.
#[derive(Debug, Args)]
pub(crate) struct StudyArgs {
    /// The manifest
    pub(crate) manifest: PathBuf,
    /// Change a value: `--set stages.gan.params.batch_size=16`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Folder in which sources are looked for; may be given more than once
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA", value_delimiter = ':')]
    pub(crate) data: Vec<PathBuf>,
}

/// A manifest and one of its stages.
#[derive(Debug, Args)]
pub(crate) struct Target {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    /// A stage, or a slice of it: `fit[arm=classic,seed=1]`
    pub(crate) stage: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report every problem of a manifest, or what is proved about it
    Check {
        #[command(flatten)]
        study: StudyArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Show each task: cached or to run, why, with how many images
    Plan {
        #[command(flatten)]
        study: StudyArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Run what is not cached
    Run(RunArgs),
    /// Fetch the files ahead that sources name, that are found nowhere and that have a `url`
    Fetch(FetchArgs),
    /// Show a task's key, and what differs from the last run
    Explain {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
    },
    /// Show what differs between two studies, and what it did to the scores
    Compare {
        /// The first manifest
        first: PathBuf,
        #[command(flatten)]
        second: StudyArgs,
        #[command(flatten)]
        form: Form,
    },
    /// Show the facts of a stage's artifacts
    Show {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
    },
    /// Copy a stage's artifacts into a folder
    Get {
        #[command(flatten)]
        target: Target,
        /// Folder that receives the files
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Show the study's table
    Table {
        #[command(flatten)]
        study: StudyArgs,
        #[command(flatten)]
        layout: LayoutArgs,
    },
    /// Write the study's report, one HTML file
    Report {
        #[command(flatten)]
        study: StudyArgs,
        /// File to write
        #[arg(short, long, value_name = "FILE", default_value = "report.html")]
        output: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Draw the stages
    Graph {
        #[command(flatten)]
        study: StudyArgs,
        /// Form of the drawing
        #[arg(long, value_enum, default_value_t = Drawing::Mermaid)]
        format: Drawing,
    },
    /// List the kinds of stage, or explain one
    Kinds {
        /// A kind
        kind: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Stand guard for a run, over a line that only a run has
    #[command(name = guard::NAME, hide = true)]
    Guard,
    /// Print the JSON schema of manifests, for editors
    Schema,
    /// Write a commented manifest to start from
    Init {
        /// File to write
        #[arg(default_value = "study.yaml")]
        manifest: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Lay manifests out in the canonical way; comments stay
    Fmt {
        /// The manifests
        #[arg(required = true)]
        manifests: Vec<PathBuf>,
        /// Change nothing; fail and list those that are laid out otherwise
        #[arg(long)]
        check: bool,
    },
    /// Print what a shell needs to complete commands: `ablate completions bash`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Look after the cache
    #[command(subcommand)]
    Cache(Cache),
}

/// Form of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// Graphviz
    Dot,
    /// Mermaid, as Markdown pages show it
    Mermaid,
    /// A picture, for browsers
    Svg,
    /// Stages and edges, for programs
    Json,
}

/// What to fetch.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    /// Stages whose sources are fetched, with those of all that they need; all where none is named
    pub(crate) stages: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// What to run, and how.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    /// Stages to run, with all that they need; all where none is named
    pub(crate) stages: Vec<String>,
    /// Torch stages that run at once on the CPU, sharing its cores
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = at_least_one())]
    pub(crate) jobs: usize,
    /// Device of torch stages: auto, cpu, cuda, cuda:0,1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// Start nothing more after a failure
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Let stages of kind `exec` run their programs: read what they are before
    #[arg(long)]
    pub(crate) allow_exec: bool,
    /// Fetch nothing: a source that is found nowhere is an error
    #[arg(long)]
    pub(crate) offline: bool,
    /// Show what would run
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Program that runs torch stages; `ablate-worker` beside this one by default
    #[arg(long, value_name = "FILE", env = "ABLATE_WORKER", hide = true)]
    pub(crate) worker: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) form: Form,
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// How the table is laid out.
#[derive(Debug, Default, Args)]
pub(crate) struct LayoutArgs {
    /// Axes of the rows; the manifest's first but `seed` by default
    #[arg(long, value_name = "AXIS", value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Axes of the columns; the manifest's second but `seed` by default
    #[arg(long, value_name = "AXIS", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Measure: `accuracy`, `balanced_accuracy`, `macro_f1`, `auc`, `micro_auc`, `kappa`, `mae`,
    /// `referable_sensitivity`, `referable_specificity`, `referable_auc`, `brier`, `ece`
    #[arg(long, value_name = "MEASURE")]
    pub(crate) value: Option<String>,
    /// Row with which all others are compared, or a value of one of the rows' axes; the first row by default
    #[arg(long, value_name = "ROW")]
    pub(crate) baseline: Option<String>,
    /// What the lines of `--format csv` are
    #[arg(long, value_enum, default_value_t = TablePart::Runs)]
    pub(crate) part: TablePart,
    /// Form of the table
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub(crate) format: TableFormat,
}

/// What the lines of a table's CSV are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TablePart {
    /// Single runs
    #[default]
    Runs,
    /// Cells: runs taken together
    Cells,
    /// Rows against their baseline
    Comparisons,
}

/// Form of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// For people
    #[default]
    Text,
    /// For programs; stable
    Json,
    /// Comma-separated values
    Csv,
}

/// Which recorded tasks to run again, and how.
#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    /// Run so many recorded tasks again, of each kind in turn, and compare what comes out
    #[arg(long, value_name = "K", conflicts_with = "repair")]
    pub(crate) rerun: Option<usize>,
    /// Run the task with this key (its first digits) again
    #[arg(long, value_name = "KEY", conflicts_with_all = ["repair", "rerun"])]
    pub(crate) task: Vec<String>,
    /// Only tasks of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Decides which tasks are in the sample; the time by default
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Largest difference of two numbers that is tolerated, relative to the largest beside them
    #[arg(long, value_name = "SHARE", default_value_t = 1e-4)]
    pub(crate) tolerance: f64,
    /// Folder in which sources are looked for; may be given more than once
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA", value_delimiter = ':')]
    pub(crate) data: Vec<PathBuf>,
    /// Device of torch stages in place of the recorded one: cpu, cuda, cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// Let tasks of kind `exec` run their programs: read what they are before
    #[arg(long)]
    pub(crate) allow_exec: bool,
    /// Program that runs torch stages
    #[arg(long, value_name = "FILE", env = "ABLATE_WORKER", hide = true)]
    pub(crate) worker: Option<PathBuf>,
}

impl RerunArgs {
    /// Returns whether anything is to be run again.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.rerun.is_some() || !self.task.is_empty()
    }
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Show what the cache holds: by kind, by study, by age
    Stats {
        #[command(flatten)]
        form: Form,
    },
    /// Remove what is not needed; never what a running engine uses
    ///
    /// `--keep` and `--keep-runs` say what stays, whatever else is said. Of the rest goes what
    /// `--older-than` and `--max-size` say, or all of it where neither is given.
    Gc(GcArgs),
    /// Hash everything again and report what is damaged, missing or orphaned; or run tasks again
    Verify {
        /// Remove what is damaged, so that it is computed again where it is needed
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        rerun: RerunArgs,
        #[command(flatten)]
        form: Form,
    },
}

/// What to keep in the cache, and what to remove.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Keep all that these manifests need
    #[arg(long, value_name = "MANIFEST", num_args = 1..)]
    pub(crate) keep: Vec<PathBuf>,
    /// Folder in which the sources of `--keep` are looked for; may be given more than once
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA", value_delimiter = ':')]
    pub(crate) data: Vec<PathBuf>,
    /// Keep all that the last N runs of each study used
    #[arg(long, value_name = "N")]
    pub(crate) keep_runs: Option<usize>,
    /// Remove what was last used so long ago, or longer: 30d, 12h, 2w
    #[arg(long, value_name = "AGE", value_parser = units::age)]
    pub(crate) older_than: Option<u64>,
    /// Remove what was used least recently until the rest fits: 50GB, 500MiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_size: Option<u64>,
    /// Show what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}
