"""What a model folder says about itself, in one form whoever made it.

Our folders say it in `manifest.json`; a sentence-transformers folder says it in half a dozen small
files, which are read here as the same dictionary. What we could not compute faithfully (an unknown
pooling, a Dense layer after it) is refused here and never guessed at.

A model that shares weights with others beside it says `weights_folder`: the folder above both, seen from its
own. Its graph names their files from there (ONNX's "external data"), and `files` lists their digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinymem.errors import ModelFileError

MANIFEST = "manifest.json"
POOLINGS = ("mean", "cls", "max")
EMBEDDER_KEYS = ("name", "dimension", "pooling", "prefixes")

# The old configs name a pooling by a boolean each. The mean over the square root of the length is
# the mean once the vector has unit length.
SAME_POOLING = {
    "mean_tokens": "mean",
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_sqrt_len_tokens": "mean",
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what is known of the model in a folder.

    Always has `kind` (str), `max_tokens` (int), `model` and `tokenizer` (file names below the folder); an
    embedder also has `name`, `dimension`, `pooling`, `prefixes` ({"document": str, "query": str}).

    Raises:
        ModelFileError: the folder or a file is missing, unreadable, incomplete, or asks for too much.
    """
    if not folder.is_dir():
        raise ModelFileError(f"the model folder {folder} does not exist: pass the path of a folder")
    if (folder / MANIFEST).exists():
        manifest = read_json(folder / MANIFEST)
    elif (folder / "config.json").exists():
        manifest = {**sentence_transformers_settings(folder), "model": exported_graph(folder)}
    else:
        raise ModelFileError(
            f"{folder} is no model folder: it has no {MANIFEST} and no config.json of sentence-transformers"
        )
    manifest = {"model": "model.onnx", "tokenizer": "tokenizer.json", **manifest}
    check_manifest(manifest, folder)
    return manifest


def check_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    """Refuse a manifest that lacks what its kind needs, or names files that are not there."""
    needed = ("kind", "max_tokens", *(EMBEDDER_KEYS if manifest.get("kind") == "embedder" else ()))
    missing = [key for key in needed if key not in manifest]
    if missing:
        raise ModelFileError(f"the manifest of {folder} lacks {', '.join(missing)}: export the model again")
    for key in {"max_tokens", "max_first_tokens", "dimension"} & manifest.keys():
        if type(manifest[key]) is not int or manifest[key] < 1:
            raise ModelFileError(f"{key} is {manifest[key]!r} in {folder}: it must be a whole number above 0")
    shared = shared_files(manifest, folder)
    for name in (manifest["model"], manifest["tokenizer"], *shared):
        if not (folder / name).is_file():
            again = "export the model again, or fetch it again"
            if name in shared:
                again = "models that share weights must stay beside each other; fetch or install them again"
            raise ModelFileError(f"{folder / name} is missing: {again}")
    if "pooling" in manifest and manifest["pooling"] not in POOLINGS:
        raise ModelFileError(
            f"{folder} pools by {manifest['pooling']!r}; only {', '.join(POOLINGS)} can be computed here"
        )


def shared_files(manifest: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the files of other models that a model needs, as its manifest names them from its own folder."""
    above, files = manifest.get("weights_folder"), manifest.get("files")
    if above is None:
        return []
    if not isinstance(above, str) or not isinstance(files, dict):
        raise ModelFileError(
            f"the manifest of {folder} has a weights_folder that is no text, or lists no files: export the "
            "model again"
        )
    return [name for name in files if name.startswith(f"{above}/")]


def sentence_transformers_settings(folder: Path) -> dict[str, Any]:
    """Return what a sentence-transformers folder says, as a manifest says it; its weights are not looked at.

    Raises:
        ModelFileError: a file is unreadable, or asks for something that is not computed here.
    """
    refuse_other_modules(folder)
    config = read_json(folder / "config.json")
    transformer = read_if_there(folder / "sentence_bert_config.json")
    pooling = read_if_there(folder / "1_Pooling" / "config.json")
    prompts = read_prompts(folder)
    if pooling.get("include_prompt") is False and any(prompts.values()):
        raise ModelFileError(f"{folder} leaves its prompts out of the pooling, which cannot be computed here")
    dimension = pooling.get("word_embedding_dimension") or pooling.get("embedding_dimension")
    return {
        "kind": "embedder",
        "name": folder.resolve().name,
        "dimension": dimension or config.get("hidden_size"),
        "pooling": pooling_mode(pooling),
        "normalised": True,
        "prefixes": prompts,
        "max_tokens": transformer.get("max_seq_length") or config.get("max_position_embeddings") or 512,
        "lower_case": bool(transformer.get("do_lower_case")),
    }


def exported_graph(folder: Path) -> str:
    """Return where below a sentence-transformers folder its ONNX graph lies."""
    for name in ("onnx/model.onnx", "model.onnx"):
        if (folder / name).is_file():
            return name
    raise ModelFileError(
        f"{folder} has no onnx/model.onnx: scripts/export_minilm.py makes an ONNX folder of a BERT model"
    )


def refuse_other_modules(folder: Path) -> None:
    """Refuse a folder whose modules.json lists more than a transformer, a pooling and a normalisation."""
    if not (folder / "modules.json").exists():
        return
    modules = read_json(folder / "modules.json", list)
    kinds = {str(module.get("type", "")).rpartition(".")[2] for module in modules if isinstance(module, dict)}
    other = sorted(kinds - {"Transformer", "Pooling", "Normalize"})
    if other:
        raise ModelFileError(f"{folder} needs the module {other[0]!r}, which cannot be computed here")


def pooling_mode(pooling: Mapping[str, Any]) -> str:
    """Return the pooling's name from a config of the old form (booleans) or the new one."""
    chosen = pooling.get("pooling_mode")
    if chosen is None:
        prefix = "pooling_mode_"
        on = [
            key.removeprefix(prefix)
            for key, value in pooling.items()
            if key.startswith(prefix) and value is True
        ]
        chosen = on[0] if len(on) == 1 else on or "mean_tokens"
    return str(SAME_POOLING.get(str(chosen), chosen))


def read_prompts(folder: Path) -> dict[str, str]:
    """Return what is put before documents and queries; nothing where the folder says nothing."""
    config = read_if_there(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    default = prompts.get(config.get("default_prompt_name"), "")
    document = prompts.get("document") or prompts.get("passage") or default
    return {"document": document, "query": prompts.get("query") or default}


def read_if_there(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file, or {} where there is no such file."""
    return read_json(path) if path.exists() else {}


def read_json(path: Path, kind: type[Any] = dict) -> Any:
    """Return the JSON object (or, with `kind=list`, array) in a file.

    Raises:
        ModelFileError: the file cannot be read or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ModelFileError(f"{path} cannot be read ({problem})") from problem
    except ValueError as problem:
        raise ModelFileError(f"{path} is not JSON ({problem}): export or fetch the model again") from problem
    if not isinstance(found, kind):
        raise ModelFileError(f"{path} must hold a JSON {kind.__name__}, not {type(found).__name__}")
    return found
