"""The page: what visitors see and what their clicks do."""

import collections
import concurrent.futures
import html
import secrets
import threading
from pathlib import Path

import gradio as gr
from gradio_client.utils import is_http_url_like

from icdpm.errors import IcdpmError
from icdpm.serving.listeners import Gone
from icdpm.serving.outcome_files import write_outcome
from icdpm.serving.visits import Cancelled

TITLE = "Deblur a photo"

STYLE = """
.gradio-container { max-width: 1100px !important; margin: 0 auto !important; }
#status { min-height: 64px; }
#status .problem { color: var(--error-text-color); }
#status progress { width: 100%; height: 8px; accent-color: var(--color-accent); }
#status progress[value] { appearance: none; border: 0; background: var(--border-color-primary); }
#status progress[value]::-webkit-progress-bar { background: var(--border-color-primary); }
#status progress[value]::-webkit-progress-value { background: var(--color-accent); }
#status progress[value]::-moz-progress-bar { background: var(--color-accent); }
"""

# Seconds between two looks at a photo that is being restored.
_LOOK = 0.2
# How many bytes are written of a photo, for each byte of its pixels: itself, before, after, the spread and the inside.
_BYTES_WRITTEN = 4


def make_page(visits, listeners, storage, folder, keep_files):
    """The page.

    Args:
      visits: `icdpm.serving.visits.Visits`.
      listeners: `icdpm.serving.listeners.Listeners`: who is there to see what becomes of a photo.
      storage: `icdpm.serving.storage.Storage`, which says whether there is room for it.
      folder: where Gradio keeps its files, and so what they become.
      keep_files: seconds after which the server deletes a file.

    Returns:
      A gradio.Blocks, ready to be launched.
    """
    presets = visits.model.presets
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(f"# {TITLE}\n{_introduction(visits.max_pixels, keep_files)}")
        with gr.Row():
            photo = _only_sent(gr.File(label="Photo: PNG, JPEG, WebP, TIFF or BMP", elem_id="photo", height=160))
            with gr.Column():
                preset = gr.Radio(
                    [(f"{name}: {purpose}", name) for name, purpose in presets.items()],
                    value="balanced" if "balanced" in presets else next(iter(presets)),
                    label="Preset",
                    elem_id="preset",
                )
                with gr.Row():
                    start = gr.Button("Restore", variant="primary", elem_id="restore")
                    cancel = gr.Button("Cancel", interactive=False, elem_id="cancel")
        status = gr.HTML(elem_id="status")
        with gr.Column(visible=False, elem_id="outcome") as outcome:
            download = gr.DownloadButton("Download", variant="primary", elem_id="download")
            slider = gr.ImageSlider(label="Before | after", interactive=False, elem_id="slider", buttons=["fullscreen"])
            spread = gr.Image(label="Spread", interactive=False, elem_id="spread", buttons=["fullscreen"])
            inside = gr.Gallery(
                label="What the model makes of the scene on its way",
                columns=3,
                height=360,
                object_fit="contain",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="inside",
            )
        shown = [status, outcome, download, slider, spread, inside]

        def restore(path, preset, request: gr.Request):
            if path is None:
                yield _told("Choose a photo first.", is_problem=True)
                return

            visitor, name = request.session_hash, Path(path).name

            def work(report):
                def on_progress(part, words):
                    listeners.check(visitor)
                    report(_progressing(part, words))

                listeners.wait_for(visitor)
                outcome = visits.restore(visitor, path, preset, on_progress)
                with storage.room(_BYTES_WRITTEN * outcome.restored.pixels.nbytes):
                    files = write_outcome(_new_folder(folder), name, outcome.photo, outcome.restored)
                return _shown(files, name, outcome.notices)

            try:
                yield from _follow(work)
            except IcdpmError as error:
                yield _told(f"{error}.", is_problem=True)
            except (Cancelled, Gone):
                yield _told("Cancelled.")

        def begin():
            return gr.update(interactive=True), "", gr.update(visible=False)

        def stop(request: gr.Request):
            visits.cancel(request.session_hash)

        private = {"api_visibility": "private"}
        running = start.click(begin, None, [cancel, status, outcome], queue=False, **private).then(
            restore, [photo, preset], shown, show_progress="hidden", concurrency_limit=None, **private
        )
        running.then(lambda: gr.update(interactive=False), None, cancel, queue=False, **private)
        cancel.click(stop, queue=False, **private)
        page.unload(stop)
    return page


def _only_sent(field):
    """A gr.File that takes what visitors send. By itself it fetches what they name by a URL, of any size, from anywhere."""
    take = field.async_move_resource_to_block_cache

    async def take_file(path):
        if is_http_url_like(path):
            raise gr.Error("A photo must be sent, not named by its address.", print_exception=False)
        return await take(path)

    # For a subclass Gradio would write a .pyi file beside this one.
    field.async_move_resource_to_block_cache = take_file
    return field


def _introduction(max_pixels, keep_files):
    return (
        f"Up to {max_pixels / 1e6:g} million pixels. Photos are restored one at a time, on the computer that runs this page; "
        f"they go nowhere else and are deleted there after {keep_files // 60} minutes. What the model draws is plausible, not "
        "known: where the blur has taken detail away, it is made up."
    )


def _follow(work):
    """Runs work(report) in a thread; yields, as it comes, the latest of what it reports, and at last what it returns."""
    latest, seen, left = collections.deque(maxlen=1), None, threading.Event()

    def report(shown):
        if left.is_set():
            raise Gone
        latest.append(shown)

    pool = concurrent.futures.ThreadPoolExecutor(1)
    running = pool.submit(work, report)
    pool.shutdown(wait=False)
    try:
        while not concurrent.futures.wait([running], _LOOK).done:
            if latest and (shown := latest.pop()) != seen:
                yield (seen := shown)
        yield running.result()
    finally:
        # Gradio leaves a generator half-way where the visitor has gone.
        left.set()


def _progressing(part, words):
    """What `shown` becomes while a photo waits or is restored."""
    value = "" if part is None else f' value="{part:.4f}"'
    return [f'<p role="status">{html.escape(words)}</p><progress{value}></progress>', *[gr.skip()] * 5]


def _new_folder(folder):
    new = Path(folder) / secrets.token_hex(16)
    new.mkdir(parents=True)
    return new


def _told(message, is_problem=False):
    """What `shown` becomes where there is nothing but a sentence."""
    attributes = ' class="problem" role="alert"' if is_problem else ""
    return [f"<p{attributes}>{html.escape(message)}</p>", gr.update(visible=False), None, None, None, None]


def _shown(files, name, notices):
    """What `shown` becomes."""
    said = "".join(f"<p>{html.escape(sentence)}.</p>" for sentence in [f"{name} is restored", *notices])
    if files.spread is None:
        spread = gr.update(visible=False, value=None)
    else:
        path, scale = files.spread
        spread = gr.update(visible=True, value=str(path), label=f"Where the model is guessing: {scale}")
    return [
        said,
        gr.update(visible=True),
        gr.update(value=str(files.download), label=f"Download {files.download.name}"),
        (str(files.before), str(files.after)),
        spread,
        gr.update(visible=bool(files.inside), value=[(str(path), scale) for path, scale in files.inside]),
    ]
