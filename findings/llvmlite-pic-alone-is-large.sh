#!/usr/bin/env bash
# llvmlite 0.50.0, x86-64 Linux: create_target_machine(reloc="pic") alone makes objects of the large code model, for
# the default code model is "jitdefault", which is large; the one called "default" is not the default, and small. The
# object then asks for a symbol, _GLOBAL_OFFSET_TABLE_, that the process does not have: who looks up an object's
# undefined names before loading it finds one missing. The other relocation models do not show it, nor does a function
# that touches neither data nor other functions.
#
# Seen, functions that read a constant table, call exp, or do neither; address: what address_of_symbol finds:
#   default, jitdefault: neither -, table -, exp -
#   default, default: neither -, table -, exp -
#   static, jitdefault: neither -, table -, exp -
#   static, default: neither -, table -, exp -
#   pic, jitdefault: neither -, table asks, exp asks
#   pic, default: neither -, table -, exp -
#   pic, large: neither -, table asks, exp asks
#   pic, without a code model: the same bytes as jitdefault
#   _GLOBAL_OFFSET_TABLE_: no address
# What follows for us: native/emit.py names both the relocation model and the code model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check llvmlite==0.50.0 pyelftools==0.32
cat >"$folder/try.py" <<'PY'
import io

import llvmlite.binding as llvm
from elftools.elf.elffile import ELFFile

GOT = "_GLOBAL_OFFSET_TABLE_"
TRIPLE = "x86_64-unknown-linux-gnu"
SOURCES = {
    "neither": "define double @f(double %x) {\n %y = fadd double %x, %x\n ret double %y\n}",
    "table": """
        @numbers = internal constant [3 x double] [double 1.0, double 2.0, double 4.0]
        define double @f(i64 %k) {
            %place = getelementptr [3 x double], ptr @numbers, i64 0, i64 %k
            %y = load double, ptr %place
            ret double %y
        }""",
    "exp": """
        declare double @exp(double)
        define double @f(double %x) {
            %y = call double @exp(double %x)
            %z = fadd double %y, %x
            ret double %z
        }""",
}
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()


def emitted(source, **models):
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="x86-64", opt=2, **models)
    return machine.emit_object(llvm.parse_assembly(f'target triple = "{TRIPLE}"\n{source}'))


def asks(content):
    symbols = ELFFile(io.BytesIO(content)).get_section_by_name(".symtab").iter_symbols()
    return any(one.name == GOT and one["st_shndx"] == "SHN_UNDEF" for one in symbols)


for reloc, codemodel in (
    ("default", "jitdefault"),
    ("default", "default"),
    ("static", "jitdefault"),
    ("static", "default"),
    ("pic", "jitdefault"),
    ("pic", "default"),
    ("pic", "large"),
):
    found = {name: asks(emitted(source, reloc=reloc, codemodel=codemodel)) for name, source in SOURCES.items()}
    print(f"{reloc}, {codemodel}: " + ", ".join(f"{name} {'asks' if does else '-'}" for name, does in found.items()))
same = all(emitted(one, reloc="pic") == emitted(one, reloc="pic", codemodel="jitdefault") for one in SOURCES.values())
print(f"pic, without a code model: {'the same bytes as' if same else 'OTHER bytes than'} jitdefault")
print(f"{GOT}: {'no address' if llvm.address_of_symbol(GOT) is None else 'AN ADDRESS'}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
default, jitdefault: neither -, table -, exp -
default, default: neither -, table -, exp -
static, jitdefault: neither -, table -, exp -
static, default: neither -, table -, exp -
pic, jitdefault: neither -, table asks, exp asks
pic, default: neither -, table -, exp -
pic, large: neither -, table asks, exp asks
pic, without a code model: the same bytes as jitdefault
_GLOBAL_OFFSET_TABLE_: no address
SEEN
echo "llvmlite 0.50.0 still does so."
