import subprocess
import sys


def test_theory_is_imported_without_jax():
    code = "import sys, lfp; sys.exit('jax' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
