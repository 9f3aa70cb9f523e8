/* VST3, by DPF. There a parameter is known by its place: controls, then meters, in the order of the table, for ever. */
#include "DistrhoPlugin.hpp"
#include "extra/Base64.hpp"

extern "C" {
#include "core.h"
#include "made.h"
}

START_NAMESPACE_DISTRHO

/* DPF hands on the first bus of inputs and no other: there is no side-chain to learn from. */
static constexpr uint32_t CONTROLS_HERE = P_LEARN_FROM;
static_assert(P_LEARN_FROM == CONTROL_COUNT - 1, "the last control, so that the places of all others stay");

class Master : public Plugin {
public:
  Master() : Plugin(CONTROLS_HERE + METER_COUNT, 0, 1), core(rtm_new()) { setLatency(E_DELAY_SAMPLES); }

  ~Master() override { rtm_free(core); }

protected:
  const char *getLabel() const override { return "rt_automix"; }
  const char *getDescription() const override { return "Listens, decides ten mastering parameters, applies them"; }
  const char *getMaker() const override { return "rt_automix"; }
  const char *getLicense() const override { return "GPL-3.0-or-later"; }
  uint32_t getVersion() const override { return d_version(RTM_MAJOR, RTM_MINOR, RTM_MICRO); }
  int64_t getUniqueId() const override { return d_cconst('r', 't', 'A', 'm'); }

  void initParameter(uint32_t index, Parameter &parameter) override {
    if (index >= CONTROLS_HERE) {
      const meter &from = METERS[index - CONTROLS_HERE];
      describe(parameter, kParameterIsOutput, from);
      return;
    }
    const control &from = CONTROLS[index];
    if (index == P_BYPASS) {
      parameter.initDesignation(kParameterDesignationBypass);
      return;
    }
    uint32_t hints = kParameterIsAutomatable;
    if (from.is_stepped) hints |= kParameterIsInteger;
    if (from.is_switch) hints |= kParameterIsBoolean;
    describe(parameter, hints, from);
    if (!from.step_count) return;
    ParameterEnumerationValue *const values = new ParameterEnumerationValue[from.step_count];
    for (int k = 0; k < from.step_count; k++) values[k] = ParameterEnumerationValue(k, from.steps[k]);
    parameter.enumValues.values = values;
    parameter.enumValues.count = from.step_count;
  }

  float getParameterValue(uint32_t index) const override {
    if (!core) return 0.0f;
    return index < CONTROLS_HERE ? rtm_get(core, index) : rtm_meter(core, index - CONTROLS_HERE);
  }

  void setParameterValue(uint32_t index, float value) override {
    if (core && index < CONTROLS_HERE) rtm_set_from_afar(core, index, value);
  }

  void initState(uint32_t, State &state) override {
    state.key = "learned";
    state.defaultValue = "";
    state.label = "What was learned";
    state.hints = kStateIsOnlyForDSP;
  }

  String getState(const char *) const override {
    if (!core) return String();
    std::vector<uint8_t> bytes(RTM_STATE_MOST);
    const size_t count = rtm_save(core, bytes.data());
    /* A few bytes are more than DPF's asBase64 has room for: it writes behind its buffer. */
    return count > RTM_STATE_LEAST ? String::asBase64(bytes.data(), count) : String();
  }

  void setState(const char *key, const char *value) override {
    if (!core || std::strcmp(key, "learned") || !*value) return;
    const std::vector<uint8_t> bytes = d_getChunkFromBase64String(value);
    rtm_load(core, bytes.data(), bytes.size());
  }

  void activate() override {
    if (!core) return;
    if (rtm_prepare(core, getSampleRate(), 2)) rtm_start_worker(core); /* it cannot say no */
    setLatency(rtm_latency_samples(core));
  }

  void deactivate() override {
    if (core) rtm_stop_worker(core);
  }

  void run(const float **inputs, float **outputs, uint32_t frames) override {
    if (!core) return;
    rtm_apply_direct(core);
    setLatency(rtm_latency_samples(core));
    rtm_run(core, inputs[0], inputs[1], outputs[0], outputs[1], frames);
  }

private:
  template <typename Row> static void describe(Parameter &parameter, uint32_t hints, const Row &from) {
    parameter.hints = hints;
    parameter.name = from.label;
    parameter.symbol = from.symbol;
    parameter.unit = from.unit;
    parameter.ranges = ParameterRanges(from.normal, from.low, from.high);
  }

  rtm *const core;

  DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(Master)
};

Plugin *createPlugin() { return new Master(); }

END_NAMESPACE_DISTRHO
