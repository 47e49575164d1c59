// The two live parts of the report: what a budget runs, and a day of it. All numbers come from the embedded data.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const $ = (id) => document.getElementById(id);
  let run = data.runs[0];

  // ---- numbers, as reporting/numbers.py writes them
  const UNITS = {
    "µs": [[1e6, "s"], [1e3, "ms"], [0, "µs", 1]],
    "µJ": [[1e6, "J"], [1e3, "mJ"], [0, "µJ", 1]],
    "B": [[1e6, "MB"], [1e3, "kB"], [0, "B", 1]],
    "": [[1e9, "G"], [1e6, "M"], [1e4, "k", 1e3], [0, "", 1]],
  };
  function significant(value) {
    if (value === 0) return "0";
    const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return value.toLocaleString("en-US", { maximumFractionDigits: Math.min(decimals, 20), minimumFractionDigits: 0 });
  }
  function quantity(value, unit) {
    const [least, shown, divisor] = (UNITS[unit] || [[0, unit, 1]]).find(([from]) => Math.abs(value) >= from);
    return `${significant(value / (divisor || least))} ${shown}`.trim();
  }
  const percent = (share, decimals = 1) => `${(100 * share).toFixed(decimals)}\u202f%`;

  // ---- small DOM helpers; text is always set as text
  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "style" || key.startsWith("aria-") || key === "scope") made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children);
    return made;
  }
  function path(className, d) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "path");
    made.setAttribute("class", className);
    made.setAttribute("d", d);
    return made;
  }
  const chip = (k) => element("b", { className: "chip", style: `background:var(--k${k})` }, String(k));
  const accuracyOf = (k) => run.subnetworks[k].accuracy[run.split];

  // ---- the budget: the largest subnetwork whose cost fits it, or none
  function chosenFor(costs, budget) {
    const at = costs.findIndex((cost) => cost <= budget);
    return at < 0 ? null : at;
  }
  let cost = null;

  function openBudget() {
    const measured = run.subnetworks.length > 0 && run.subnetworks.every((s) => run.split in s.accuracy);
    $("budget").hidden = !measured;
    if (!measured) return;
    const choices = $("budget-costs");
    choices.querySelectorAll("label").forEach((label) => label.remove());
    cost = run.costs.find((c) => cost && c.key === cost.key) || run.costs[0];
    for (const c of run.costs) {
      const input = element("input", { type: "radio", name: "cost", value: c.key, checked: c === cost });
      input.addEventListener("change", () => { cost = c; drawStairs(); showBudget(); });
      choices.append(element("label", {}, input, c.label));
    }
    drawNetwork();
    drawStairs();
    showBudget();
  }

  function drawStairs() {
    const costs = run.subnetworks.map((s) => s.costs[cost.key]);
    const full = costs[0];
    const accuracies = costs.map((_, k) => accuracyOf(k));
    const low = Math.min(...accuracies), high = Math.max(...accuracies);
    const y = (accuracy) => 88 - 76 * (high > low ? (accuracy - low) / (high - low) : 1);
    const corners = [];
    for (let k = costs.length - 1; k >= 0; k--) {
      if (k !== chosenFor(costs, costs[k])) continue; // another one of the same cost is larger
      corners.push([1000 * costs[k] / full, y(accuracies[k]), k]);
    }
    let d = `M${corners[0][0]} 100`;
    for (const [x, top] of corners) d += `H${x}V${top}`;
    d += "H1000";
    $("stairs").replaceChildren(path("reach", `${d}V100Z`), path("steps", d), path("now", ""));
    $("stairs-discs").replaceChildren(...corners.map(([x, top, k]) => {
      const disc = chip(k);
      disc.style.left = `${x / 10}%`;
      disc.style.top = `${top}%`;
      return disc;
    }));
    $("budget-full").textContent = `${quantity(full, cost.unit)}, the full network`;
  }

  function drawNetwork() {
    const full = run.subnetworks[0].widths;
    const groups = Object.keys(full);
    $("network").classList.toggle("many", groups.length > 7);
    $("network").replaceChildren(...groups.map((group) => {
      const marks = run.subnetworks.slice(1).map((s) =>
        element("i", { className: "mark", style: `height:${100 * s.widths[group] / full[group]}%` }));
      const stack = element("div", { className: "stack" }, element("i", { className: "runs" }), ...marks);
      return element("div", { title: group }, stack, element("span", {}, group), element("span", { className: "kept" }));
    }));
  }

  function showBudget() {
    const costs = run.subnetworks.map((s) => s.costs[cost.key]);
    const at = Number($("budget-range").value);
    const budget = costs[0] * at / 1000;
    const k = chosenFor(costs, budget);
    const limit = `${quantity(budget, cost.unit)} ${cost.unit ? "of " : ""}${cost.label}`;
    $("budget-value").textContent = limit;
    $("stairs").querySelector(".now").setAttribute("d", `M${at} 0V100`);
    $("chosen").replaceChildren(...(k === null
      ? [`Nothing fits: the smallest needs ${quantity(costs[costs.length - 1], cost.unit)}`]
      : [chip(k), k === 0 ? " the full network" : ` subnetwork ${k} of ${costs.length - 1}`]));
    $("chosen-accuracy").textContent = k === null ? "–" : percent(accuracyOf(k));
    $("chosen-split").textContent = k === null ? "" : `right on the ${run.split === "val" ? "validation" : "test"} set`;
    $("chosen-costs").replaceChildren(...(k === null ? [] : run.costs.map((c) => {
      const value = run.subnetworks[k].costs[c.key];
      return element("div", {}, element("dt", {}, c.label), element("dd", {}, quantity(value, c.unit)),
        element("dd", {}, `${percent(value / run.subnetworks[0].costs[c.key], 0)} of full`));
    })));
    const full = run.subnetworks[0].widths;
    [...$("network").children].forEach((column, i) => {
      const group = Object.keys(full)[i];
      const kept = k === null ? 0 : run.subnetworks[k].widths[group];
      column.querySelector(".runs").style.cssText = `height:${100 * kept / full[group]}%;background:var(--k${k || 0})`;
      column.querySelector(".kept").textContent = `${kept} of ${full[group]}`;
    });
    const answer = k === null ? "nothing fits" : `subnetwork ${k}, ${percent(accuracyOf(k))} right`;
    $("budget-range").setAttribute("aria-valuetext", `at most ${limit}: ${answer}`);
  }

  // ---- the day; the rules are those of docs/report.md
  const DAYS = 7; // of a battery's days, all alike, the last is shown: what it started with no longer matters

  function simulateDay(day, accuracies, trace, mode, settings, fixed) {
    return mode === "load"
      ? simulateLoad(day, accuracies, trace, settings, fixed)
      : simulateBattery(day, accuracies, trace, settings, fixed);
  }

  function simulateLoad(day, accuracies, trace, settings, fixed) {
    const hours = trace.map((load) => {
      const idle = settings.deadline * (1 - load / 100);
      const k = fixed === null ? chosenFor(day.time, idle) : day.time[fixed] <= idle ? fixed : null;
      return [k, k === null ? 0 : 1];
    });
    return summary(day, accuracies, settings, hours, []);
  }

  function simulateBattery(day, accuracies, trace, settings, fixed) {
    const full = settings.answers * day.energy[0];
    const capacity = settings.battery * full;
    const mean = trace.reduce((sum, share) => sum + share, 0) / 24 / 100 * full;
    let stored = capacity / 2, hours = [], charge = [];
    for (let repeated = 0; repeated < DAYS; repeated++) {
      hours = [];
      charge = [stored / capacity];
      for (const share of trace) {
        const available = stored + share / 100 * full;
        const budget = (mean + (stored - capacity / 2) / settings.reserve) / settings.answers;
        const k = fixed ?? chosenFor(day.energy, budget) ?? accuracies.length - 1;
        const answered = Math.min(1, available / (settings.answers * day.energy[k]));
        stored = Math.min(capacity, available - answered * settings.answers * day.energy[k]);
        hours.push([k, answered]);
        charge.push(stored / capacity);
      }
    }
    return summary(day, accuracies, settings, hours, charge);
  }

  // hours: [subnetwork, share of the answers that it gives]
  function summary(day, accuracies, settings, hours, charge) {
    const ran = hours.filter(([, answered]) => answered > 0);
    const total = (amount) => ran.reduce((sum, [k, answered]) => sum + answered * amount(k), 0);
    return {
      hours,
      charge,
      answered: total(() => 1) / 24,
      right: total((k) => accuracies[k]) / 24,
      energy: total((k) => settings.answers * day.energy[k]),
      switches: ran.filter(([k], i) => i > 0 && k !== ran[i - 1][0]).length,
    };
  }

  const MODES = {
    load: { traces: data.loads, title: "processor load", unit: "load" },
    battery: { traces: data.incomes, title: "harvested, % of the full network's use", unit: "harvested" },
  };
  const traces = { load: [...data.loads[0].hours], battery: [...data.incomes[0].hours] };
  const mode = () => document.querySelector("#day-modes :checked").value;

  function settings() {
    const deadline = Number($("deadline").value) / 100 * run.day.time[0];
    // one answer after the other: no more than fit into an hour
    const longest = mode() === "load" ? deadline : run.day.time[0];
    const most = run.day.time_unit === "µs" ? Math.max(1, Math.floor(3600e6 / longest)) : Infinity;
    return {
      answers: Math.min(Math.round(10 ** Number($("answers").value)), most),
      deadline,
      battery: Number($("battery").value),
      reserve: Number($("reserve").value),
    };
  }

  function openDay() {
    $("day").hidden = !run.day;
    if (run.day) openMode();
  }

  function openMode() {
    const now = MODES[mode()];
    document.querySelectorAll("#day .load").forEach((e) => { e.hidden = mode() !== "load"; });
    document.querySelectorAll("#day .battery").forEach((e) => { e.hidden = mode() !== "battery"; });
    $("trace-title").textContent = now.title;
    $("day-presets").querySelectorAll("label").forEach((label) => label.remove());
    for (const preset of now.traces) {
      const same = preset.hours.every((value, hour) => value === traces[mode()][hour]);
      const input = element("input", { type: "radio", name: "preset", value: preset.name, checked: same });
      input.addEventListener("change", () => { traces[mode()] = [...preset.hours]; openMode(); focusPreset(preset.name); });
      $("day-presets").append(element("label", {}, input, preset.name));
    }
    $("day-rule").textContent = mode() === "load"
      ? "Other work leaves the network a part of the processor. An answer must be there before the deadline, so each hour the device runs the largest subnetwork that makes it; one that would come too late is not started. Drag the bars to change the day."
      : "The device lives on what it harvests and a battery. Each hour it may spend what comes in on the day’s average, and what is stored above half, a little at a time; it runs the largest subnetwork that this allows, the smallest if none. Shown is the last of seven such days. Drag the bars to change the day.";
    $("trace").replaceChildren(...traces[mode()].map((value, hour) => {
      const input = element("input", { type: "range", min: 0, max: 100, step: 5, value, style: `--v:${value}` });
      input.setAttribute("orient", "vertical");
      input.setAttribute("aria-label", `${hour}:00, ${now.unit} in percent`);
      input.addEventListener("input", () => setHour(hour, Number(input.value)));
      return input;
    }));
    showDay();
  }

  function focusPreset(name) {
    [...document.querySelectorAll("#day-presets input")].find((input) => input.value === name).focus();
  }

  function setHour(hour, value) {
    const input = $("trace").children[hour];
    traces[mode()][hour] = value;
    input.value = value;
    input.style.setProperty("--v", value);
    document.querySelectorAll("#day-presets input").forEach((preset) => { preset.checked = false; });
    showDay();
  }

  // where latency or energy are not known MACs stand for them
  const amount = (value, unit) => `${quantity(value, unit)}${unit ? "" : " MACs"}`;

  function showDay() {
    const day = run.day, now = settings();
    const accuracies = run.subnetworks.map((_, k) => accuracyOf(k));
    const simulate = (fixed) => simulateDay(day, accuracies, traces[mode()], mode(), now, fixed);
    const rows = [[null, simulate(null)], ...accuracies.map((_, k) => [k, simulate(k)])];
    $("answers-value").textContent = now.answers.toLocaleString("en-US");
    $("deadline-value").textContent = amount(now.deadline, day.time_unit);
    $("battery-value").textContent = `${now.battery} h of the full network`;
    $("reserve-value").textContent = `${now.reserve} h`;
    $("timetable").replaceChildren(...rows.map(([k, result]) => timetableRow(k, result)));
    const most = Math.max(...rows.map(([, r]) => r.right));
    $("balance").tBodies[0].replaceChildren(...rows.map(([k, r]) => {
      const who = k === null ? ["adaptive"] : ["always ", chip(k)];
      const cells = [percent(r.right), percent(r.answered), r.answered > 0 ? percent(r.right / r.answered) : "–",
        amount(r.energy, day.energy_unit), String(r.switches)];
      const row = element("tr", { className: k === null ? "first" : "" }, element("th", { scope: "row" }, ...who),
        ...cells.map((text) => element("td", {}, text)));
      if (r.right === most) row.children[1].className = "best";
      return row;
    }));
    const line = (charge) => "M" + charge.map((c, hour) => `${hour} ${100 - 96 * c - 2}`).join("L");
    if (mode() === "battery") {
      $("charge").replaceChildren(path("full", line(rows[1][1].charge)), path("own", line(rows[0][1].charge)));
    }
    $("day-basis").textContent = `Time of an answer: ${day.time_basis}. Energy: ${day.energy_basis}. The traces are examples, not measurements.`;
  }

  function timetableRow(k, result) {
    const cells = result.hours.map(([ran, answered]) => {
      const label = answered > 0 && k === null ? String(ran) : "";
      const fill = element("i", { style: `height:${100 * answered}%;background:var(--k${ran || 0})` });
      return element("div", { className: "cell" }, fill, element("span", {}, label));
    });
    const who = k === null ? ["adaptive"] : [element("em", { style: "font-style:normal" }, "always "), chip(k)];
    return element("div", { className: k === null ? "row adaptive" : "row" },
      element("span", { className: "who" }, ...who), element("div", { className: "hours" }, ...cells));
  }

  // painting the trace: a press or a drag across the hours sets what is under the pointer
  function paint(event) {
    const box = $("trace").getBoundingClientRect();
    const hour = Math.min(23, Math.max(0, Math.floor(24 * (event.clientX - box.left) / box.width)));
    const value = 100 * (box.bottom - event.clientY) / box.height;
    setHour(hour, Math.min(100, Math.max(0, 5 * Math.round(value / 5))));
    return hour;
  }
  $("trace").addEventListener("pointerdown", (event) => {
    event.preventDefault();
    $("trace").setPointerCapture(event.pointerId);
    $("trace").children[paint(event)].focus({ focusVisible: false });
  });
  $("trace").addEventListener("pointermove", (event) => {
    if ($("trace").hasPointerCapture(event.pointerId)) paint(event);
  });

  // ---- one run at a time
  function openRun(number) {
    run = data.runs[number];
    document.querySelectorAll("[data-run]").forEach((part) => { part.hidden = part.dataset.run !== String(number); });
    openBudget();
    openDay();
  }
  $("budget-range").addEventListener("input", showBudget);
  document.querySelectorAll("#day-modes input").forEach((input) => input.addEventListener("change", openMode));
  for (const id of ["answers", "deadline", "battery", "reserve"]) $(id).addEventListener("input", showDay);
  const picker = $("run");
  if (picker) picker.addEventListener("change", () => openRun(Number(picker.value)));
  openRun(picker ? Number(picker.value) : 0);
})();
