// Light, dark, or what the system says; kept for this browser.

const KEY = "mia.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

const stored = () => {
  const kept = localStorage.getItem(KEY);
  return kept in NEXT ? kept : "auto";
};

const apply = (theme) => {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
};

apply(stored());

/** The button says what is in force; pressing it goes on to the next. */
export const wire = (button) => {
  const label = () => {
    button.textContent = stored();
    button.setAttribute("aria-label", `Theme: ${stored()}`);
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, NEXT[stored()]);
    apply(stored());
    label();
  });
  label();
};
