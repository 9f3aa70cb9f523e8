// The panel: one stream of state in, small messages out. Each module below is one part of the page.

import { mountTheme } from "./theme.js";
import { Connection } from "./connection.js";
import { mountFaders } from "./fader.js";
import { mountGraphs } from "./graphs.js";
import { Banner, mountHeader } from "./header.js";
import { mountHealth } from "./health.js";
import { mountLearn } from "./learn.js";
import { mountListening } from "./listening.js";
import { mountLog } from "./log.js";
import { mountMeters } from "./meters.js";
import { mountOutputs } from "./outputs.js";
import { mountParameters } from "./parameters.js";
import { mountPresets } from "./presets.js";
import { mountProfiles } from "./profiles.js";
import { mountSpectrum } from "./spectrum.js";
import { mountSteppers } from "./steppers.js";
import { Store } from "./store.js";
import { mountTurns } from "./turns.js";

const WATCH_MS = 500;

const store = new Store();
const log = mountLog();
const banner = new Banner(store);
let told = "";

const connection = new Connection({
  about: (about) => store.describe(about),
  opened: () => {
    store.isConnected = true;
    told = "";
  },
  closed: (reason) => {
    store.isConnected = false;
    banner.lost(reason);
    if (reason && reason !== told) log.say(reason, "warning");
    told = reason;
  },
  message: (message) => {
    if (message.type === "state") {
      store.push(message);
      banner.show();
    } else if (message.type === "history") {
      store.remember(message);
      log.remember(message.events);
    } else if (message.type === "event") log.say(message.text, message.level);
    else if (message.type === "error") log.say(message.text, "warning");
  },
});

mountHeader(store, connection);
mountOutputs(store, connection);
mountFaders(store, connection);
mountListening(store, connection);
mountMeters(store, connection);
mountSpectrum(store, connection, log);
mountGraphs(store);
mountProfiles(store, connection, log);
mountSteppers(store, connection);
mountParameters(store, connection);
mountPresets(store, connection, log);
mountLearn(store, connection);
mountTurns(store, connection);
mountTheme();
mountHealth(store);
setInterval(() => banner.show(), WATCH_MS);
connection.open();
