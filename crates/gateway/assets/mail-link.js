// Sends the token of a mail's link, with whatever the page asks for. Nothing is
// sent before the button is pressed: programs that look into mails follow links.
const form = document.querySelector("form");
const told = document.getElementById("status");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = new URLSearchParams(location.search).get("token");
  const body = JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) });
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch(form.dataset.action, { method: "POST", headers, body });
    const answer = await response.json();
    told.textContent = answer.message ?? answer.error;
    told.classList.toggle("error", !response.ok);
    form.hidden = response.ok;
  } catch (failure) {
    told.textContent = failure.message;
    told.classList.add("error");
  }
});
