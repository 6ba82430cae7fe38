//! `sluicegate contracts export` writes contracts in the Open Data Contract Standard, which catalogs read.

mod document;
mod merged;
mod properties;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use self::document::document_of;
use super::args::Export;
use super::yaml_text::yaml_of;
use crate::failure::Failure;
use crate::folder::{Folder, folder_of, folders};
use crate::output::Output;

pub(super) fn export(root: &Path, args: &Export, output: &Output) -> Result<ExitCode, Failure> {
    let folders = match &args.dataset {
        Some(dataset) => vec![folder_of(root, dataset)?],
        None => folders(root)?,
    };
    let mut texts = Vec::new();
    for folder in &folders {
        texts.push(text_of(folder)?);
    }
    let Some(out) = &args.out else {
        output.result(&texts.join("\n---\n"));
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(out).map_err(|error| cannot_write(out, error))?;
    for (folder, text) in folders.iter().zip(&texts) {
        let path = out.join(format!("{}.odcs.yaml", folder.texts.dataset));
        fs::write(&path, format!("{text}\n")).map_err(|error| cannot_write(&path, error))?;
        output.result(&path.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}

fn text_of(folder: &Folder) -> Result<String, Failure> {
    let contract = folder.usable_contract()?;
    contract.versions.compile().map_err(|error| {
        let what = format!("the schema of `{}` cannot be used", contract.dataset);
        Failure::new(what).because(&*error).next("mend it; `sluicegate contracts check` says where")
    })?;
    Ok(yaml_of(&document_of(&contract)))
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written", path.display())).because(error)
}

#[cfg(test)]
mod tests;
