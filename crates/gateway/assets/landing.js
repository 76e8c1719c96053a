// Sends the chosen picture to POST /rmbg and shows what comes back. The key is
// kept by nobody: it lives in the input alone.
const element = (id) => document.getElementById(id);
const drop = element("drop");
const file = element("file");
const shown = { before: null, after: null };

function show(id, blob) {
  if (shown[id]) URL.revokeObjectURL(shown[id]);
  shown[id] = URL.createObjectURL(blob);
  element(id).src = shown[id];
}

function tell(text, failed = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", failed);
}

async function remove(picture) {
  const form = new FormData();
  form.append("image", picture);
  form.append("format", element("format").value);
  form.append("bg_color", element("background").value);
  const key = element("key").value.trim();
  const response = await fetch("/rmbg", {
    method: "POST",
    body: form,
    headers: key ? { "x-api-key": key } : {},
  });
  if (!response.ok) {
    const { error, details } = await response.json();
    throw new Error(details ? details.map((fault) => fault.message).join(" ") : error);
  }
  return { blob: await response.blob(), millis: response.headers.get("X-Processing-Ms") };
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const picture = file.files[0];
  if (!picture) return;
  tell("Working…");
  show("before", picture);
  try {
    const { blob, millis } = await remove(picture);
    show("after", blob);
    element("download").href = shown.after;
    element("download").download = `${picture.name.replace(/\.[^.]*$/, "")}.${element("format").value}`;
    element("pictures").hidden = false;
    tell(`Done in ${millis} ms.`);
  } catch (failure) {
    tell(failure.message, true);
  }
});

for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) file.files = event.dataTransfer.files;
    if (name === "drop") element("form").requestSubmit();
  });
}
file.addEventListener("change", () => file.files.length && element("form").requestSubmit());
