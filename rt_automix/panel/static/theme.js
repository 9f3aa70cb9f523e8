// Light or dark: as the system has it, until the button says otherwise. Imported first: the drawings ask for colours once.

const KEY = "rt_automix theme";
const bright = matchMedia("(prefers-color-scheme: light)");

const chosen = () => localStorage.getItem(KEY);
const now = () => chosen() ?? (bright.matches ? "light" : "dark");

document.documentElement.dataset.theme = now();
bright.addEventListener("change", () => {
  if (chosen() === null) location.reload();
});

export function mountTheme() {
  document.getElementById("theme").addEventListener("click", () => {
    localStorage.setItem(KEY, now() === "light" ? "dark" : "light");
    location.reload();
  });
}
