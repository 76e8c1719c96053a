//! The command line, as types.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Removes the background of photos: as a service, or of files right here.
#[derive(Debug, Parser)]
#[command(name = "rembg", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole service in this process
    Serve(ServeArgs),
    /// Remove the background of files, folders or standard input
    Remove(RemoveArgs),
    /// List, fetch, verify and evaluate models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Manage the accounts of a data directory
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Manage API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look after the credits
    #[command(subcommand)]
    Billing(BillingCommand),
    /// Print the default configuration file
    Config,
}

/// Where the service's state and configuration are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The folder for accounts, keys, mails and models
    #[arg(long, value_name = "DIR", default_value = "rembg-data", env = "REMBG_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// A configuration file; `rembg config` prints one to start from
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Where networks and configuration are.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelPlace {
    /// The folder of pulled models [default: the user's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// A configuration file; `rembg config` prints one to start from
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// A model by name or file
    #[arg(long, value_name = "PATH|NAME")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Pictures, folders of pictures, or - for standard input
    #[arg(value_name = "FILE|DIR|-", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// A file for one picture, a folder for many, - for standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// png, jpeg, webp or bmp; else what OUT's extension says, else png
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Fit to this width in pixels
    #[arg(long, visible_alias = "w", value_name = "PIXELS", allow_hyphen_values = true)]
    pub(crate) width: Option<String>,
    /// Fit to this height in pixels
    #[arg(long, value_name = "PIXELS", allow_hyphen_values = true)]
    pub(crate) height: Option<String>,
    /// With both: exactly this size, even if it distorts
    #[arg(long)]
    pub(crate) exact: bool,
    /// The alpha matte instead of the cut-out
    #[arg(long)]
    pub(crate) mask: bool,
    /// A colour under the cut-out: #RGB, #RGBA, #RRGGBB, #RRGGBBAA or a CSS name
    #[arg(long, value_name = "COLOUR")]
    pub(crate) bg_color: Option<String>,
    /// Rotate counter-clockwise by so many degrees
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true)]
    pub(crate) angle: Option<String>,
    /// Keep the canvas when rotating, cropping what leaves it
    #[arg(long)]
    pub(crate) no_expand: bool,
    /// Pictures worked on at once [default: one a core]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZeroUsize>,
    /// Work again on pictures whose result is already there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A model by name or file
    #[arg(long, value_name = "PATH|NAME")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) place: ModelPlace,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Show the models that are known and those that are here
    List {
        #[command(flatten)]
        place: ModelPlace,
    },
    /// Download a model and verify it
    Pull {
        /// A name from `rembg models list`
        name: String,
        /// Fetch from a mirror instead of the publisher's address
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        #[command(flatten)]
        place: ModelPlace,
    },
    /// Check the files that are here against their published sums
    Verify {
        /// A name; all when absent
        name: Option<String>,
        #[command(flatten)]
        place: ModelPlace,
    },
    /// Measure a model on pictures with known masks
    Eval(EvalArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The folder of pictures
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// The folder of masks, named like the pictures
    #[arg(long, value_name = "DIR")]
    pub(crate) masks: PathBuf,
    /// A model by name or file
    #[arg(long, value_name = "PATH|NAME")]
    pub(crate) model: Option<String>,
    /// Leave out the edge step
    #[arg(long)]
    pub(crate) no_refine: bool,
    /// Look at every photo once only
    #[arg(long)]
    pub(crate) no_second_look: bool,
    /// Pictures worked on at once
    #[arg(short, long, value_name = "N", default_value = "1")]
    pub(crate) jobs: std::num::NonZeroUsize,
    #[command(flatten)]
    pub(crate) place: ModelPlace,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountsCommand {
    /// Make an account
    Create {
        /// Its e-mail address
        email: String,
        /// Count the address as verified
        #[arg(long)]
        verified: bool,
        /// A plan from the plans file
        #[arg(long, value_name = "NAME")]
        plan: Option<String>,
        /// Prepaid credits to start with
        #[arg(long, value_name = "N")]
        prepaid: Option<u32>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, this once
    Create {
        /// The account's e-mail address
        email: String,
        /// What to call the key
        #[arg(long, value_name = "N", default_value = "default")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Show an account's keys
    List {
        /// The account's e-mail address
        email: String,
        #[command(flatten)]
        place: Place,
    },
    /// End a key
    Revoke {
        /// The account's e-mail address
        email: String,
        /// The key's id from `rembg keys list`
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BillingCommand {
    /// Fill the counters anew from the ledger
    Rebuild {
        #[command(flatten)]
        place: Place,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
