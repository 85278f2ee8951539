// The page: what there is to ask and to show, kept up to date.

import { ask } from "./api.js";
import { Asking } from "./ask.js";
import { byId } from "./dom.js";
import { Mistakes } from "./mistakes.js";
import { Runs } from "./runs.js";

/** Milliseconds between two looks at the runs. */
const PAUSE = 2000;

function trouble(words) {
  byId("trouble").hidden = words === "";
  if (byId("trouble").textContent !== words) byId("trouble").textContent = words;
}

const [asking, runs, mistakes] = [new Asking(), new Runs(), new Mistakes()];

/** Looks at what there is; whether it can be looked at again. */
async function look(has) {
  const listed = has.runs ? await ask("/api/runs") : { runs: [], broken: [] };
  const named = has.model ? [{ value: "", name: "named at the start" }] : [];
  const ofRuns = listed.runs.filter((run) => run.has_model).map((run) => ({ value: run.name, name: `run ${run.name}` }));
  await asking.offer([...named, ...ofRuns]);
  mistakes.offer(listed.runs);
  await runs.update(listed);
}

async function begin() {
  let has = null;
  for (;;) {
    // A page that nobody looks at asks for nothing.
    if (document.visibilityState === "visible") {
      try {
        has ??= await ask("/health");
        await look(has);
        trouble("");
      } catch (error) {
        trouble(`Not up to date: ${error.message}.`);
      }
      if (has?.runs === false) return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

begin();
