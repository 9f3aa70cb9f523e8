// The style to aim at, and songs dropped on the page that become one.

import { byId, element, setText } from "./dom.js";
import { baseName, fixed } from "./format.js";

export function mountProfiles(store, connection, log) {
  const [select, note] = [byId("profile"), byId("reference-note")];
  let shown = "";
  select.addEventListener("change", () => connection.set("profile", select.value));
  store.onDraw(({ profiles, session, aim }) => {
    setText(byId("aim"), session?.controls ? aimOf(session.profile, session.controls.target_lufs, aim) : "");
    const now = session?.profile ?? "";
    const names = profiles.includes(now) || now === "" ? profiles : [now, ...profiles];
    const key = JSON.stringify(names);
    if (key !== shown) {
      shown = key;
      select.replaceChildren(...names.map((name) => element("option", { value: name, textContent: baseName(name) })));
      select.value = now;
    }
    if (select.value !== now && document.activeElement !== select) select.value = now;
  });

  const upload = (file) => sendSong(file, (text, isBad = false) => {
    setText(note, text);
    note.classList.toggle("bad", isBad);
    if (isBad) log.say(text, "warning");
  });
  const chooser = byId("reference-file");
  byId("reference").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    if (chooser.files.length) upload(chooser.files[0]);
    chooser.value = "";
  });
  acceptDrops(byId("drop"), upload);
}

/** Where the master goes, in words. */
function aimOf(profile, target_lufs, aim) {
  const target = `Aims at ${fixed(target_lufs)} LUFS`;
  if (!aim) return profile === "auto" ? `${target}; tone corrected as masters have it.` : `${target}.`;
  return `${target}; itself ${fixed(aim.loudness_lufs)}, peaks ${fixed(aim.plr_db, 1, true)}, side ${fixed(aim.side_mid_db)} dB.`;
}

/** Upload a song; say how far it is, and how it went. */
function sendSong(file, say) {
  const request = new XMLHttpRequest();
  request.open("POST", "api/v1/reference");
  request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
  request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  request.responseType = "json";
  request.upload.onprogress = ({ loaded, total }) => {
    const percent = total ? Math.round((100 * loaded) / total) : 0;
    say(percent < 100 ? `Sending ${file.name}: ${percent} %` : `Measuring ${file.name}…`);
  };
  request.onload = () => {
    const answer = request.response;
    if (request.status === 200) say(`The master aims at ${answer.profile}.`);
    else say(answer?.error ?? `${file.name} was refused (${request.status}).`, true);
  };
  request.onerror = () => say(`${file.name} could not be sent. Is the connection there?`, true);
  say(`Sending ${file.name}…`);
  request.send(file);
}

/** Files may be dropped anywhere on the page. */
function acceptDrops(curtain, take) {
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    curtain.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) curtain.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    curtain.hidden = true;
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}
