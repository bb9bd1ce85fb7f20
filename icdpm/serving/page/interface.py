"""The web page's components and events."""

from __future__ import annotations

import html
import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client.utils import is_http_url_like

from icdpm.errors import IcdpmError
from icdpm.serving.page.files import ResultFiles, Storage, write_results
from icdpm.serving.page.queue import Cancelled, ConnectedClients, RestorationQueue

TITLE = "Deblur a photo"

STYLE = """
.gradio-container { max-width: 1100px !important; margin: 0 auto !important; }
#status { min-height: 64px; }
#status .error { color: var(--error-text-color); }
"""

# Bytes of all files of a restoration per byte of the photo's pixels: the result, before, after, standard deviation and
# intermediate outputs.
_BYTES_WRITTEN = 4


def build_page(
    queue: RestorationQueue, clients: ConnectedClients, storage: Storage, folder: str | Path, file_age: int
) -> gr.Blocks:
    """Returns the page, ready to be launched.

    Args:
      queue: restores the photos.
      clients: the clients that read their results.
      storage: limits what is stored.
      folder: the folder of Gradio's files, for results.
      file_age: seconds after which the server deletes a file.
    """
    presets = queue.model.presets
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(f"# {TITLE}\n{_introduction(queue.max_pixels, file_age)}")
        with gr.Row():
            label = "Photo (PNG, JPEG, WebP, TIFF, BMP, AVIF or HEIC)"
            photo = _without_urls(gr.File(label=label, elem_id="photo", height=160))
            with gr.Column():
                preset = gr.Radio(
                    [(f"{name}: {description}", name) for name, description in presets.items()],
                    value="balanced" if "balanced" in presets else next(iter(presets)),
                    label="Preset",
                    elem_id="preset",
                )
                with gr.Row():
                    start = gr.Button("Restore", variant="primary", elem_id="restore")
                    cancel = gr.Button("Cancel", interactive=False, elem_id="cancel")
        status = gr.HTML(elem_id="status")
        with gr.Column(visible=False, elem_id="results") as results:
            download = gr.DownloadButton("Download", variant="primary", elem_id="download")
            slider = gr.ImageSlider(label="Before | after", interactive=False, elem_id="slider", buttons=["fullscreen"])
            spread = gr.Image(interactive=False, elem_id="spread", buttons=["fullscreen"])
            intermediate_outputs = gr.Gallery(
                label="Intermediate outputs",
                columns=3,
                height=360,
                object_fit="contain",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="intermediate-outputs",
            )
        outputs = [status, results, download, slider, spread, intermediate_outputs]

        def restore(path, preset, request: gr.Request, progress=gr.Progress()):  # noqa: B008
            client = str(request.session_hash)

            def on_progress(fraction, message):
                clients.check(client)
                progress(fraction or 0.0, message)

            if path is None:
                return _message("Choose a photo first.", is_error=True)
            try:
                clients.wait_for(client)
                outcome = queue.restore(client, path, preset, on_progress)
                new_folder = Path(folder) / secrets.token_hex(16)
                with storage.reserve(_BYTES_WRITTEN * outcome.restored.pixels.nbytes):
                    new_folder.mkdir(parents=True)
                    files = write_results(new_folder, Path(path).name, outcome.image, outcome.restored)
            except IcdpmError as error:
                return _message(_as_sentence(str(error)), is_error=True)
            except Cancelled:
                return _message("Cancelled.")
            return _results(files, Path(path).name, outcome.notices)

        def on_start():
            return gr.update(interactive=True), "", gr.update(visible=False)

        def on_cancel(request: gr.Request):
            queue.cancel(str(request.session_hash))

        private: dict[str, Any] = {"api_visibility": "private"}
        running = start.click(on_start, None, [cancel, status, results], queue=False, **private).then(
            restore, [photo, preset], outputs, show_progress_on=status, concurrency_limit=None, **private
        )
        running.then(lambda: gr.update(interactive=False), None, cancel, queue=False, **private)
        cancel.click(on_cancel, queue=False, **private)
        page.unload(on_cancel)
    return page


def _without_urls(field: gr.File) -> gr.File:
    """Makes a file field reject URLs. By default Gradio downloads the file at a URL, of any size and from any server."""
    accept = field.async_move_resource_to_block_cache

    async def accept_upload(path):
        if is_http_url_like(path):
            raise gr.Error("A photo must be uploaded; a URL is not accepted.", print_exception=False)
        return await accept(path)

    # Gradio would write a .pyi file beside this one for a subclass.
    field.async_move_resource_to_block_cache = accept_upload  # type: ignore[method-assign]
    return field


def _introduction(max_pixels, file_age) -> str:
    return (
        f"The limit is {max_pixels:,} pixels. Photos are restored one at a time on the computer that serves this "
        f"page. They are not sent anywhere else and are deleted after {file_age // 60} minutes. Restored detail is plausible, "
        "not certain: where blur has removed detail, the model invents it."
    )


def _as_sentence(text) -> str:
    return text if text.endswith(".") else f"{text}."


def _message(message, is_error=False) -> list[Any]:
    """Returns values of the outputs that show only a message."""
    attributes = ' class="error" role="alert"' if is_error else ' role="status"'
    return [f"<p{attributes}>{html.escape(message)}</p>", gr.update(visible=False), None, None, None, None]


def _results(files: ResultFiles, name: str, notices: list[str]) -> list[Any]:
    """Returns values of the outputs that show a restored photo."""
    sentences = [f"{name} is restored", *notices]
    spread = gr.update(visible=False, value=None)
    if files.spread is not None:
        path, scale = files.spread
        spread = gr.update(visible=True, value=str(path), label=f"Standard deviation of the samples: {scale}")
    return [
        "".join(f"<p>{html.escape(_as_sentence(sentence))}</p>" for sentence in sentences),
        gr.update(visible=True),
        gr.update(value=str(files.download), label=f"Download {files.download.name}"),
        (str(files.before), str(files.after)),
        spread,
        gr.update(
            visible=bool(files.intermediate_outputs),
            value=[(str(path), scale) for path, scale in files.intermediate_outputs],
        ),
    ]
