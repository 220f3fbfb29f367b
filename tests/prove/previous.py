"""The services of an earlier commit, built beside those of now in build/previous."""
import glob
import os
import shutil
import subprocess
import sys

PLACE = "build/previous"


def git(*arguments):
    return subprocess.run(["git", *arguments], text=True, capture_output=True, check=False)


def choose_commit(named):
    """The one that is named, here or by PREVIOUS in the environment, or the latest tag, or else the
    last whose services differ from those that are here; "" for none."""
    folders = ["common", *(os.path.dirname(main) for main in glob.glob("*/main.c"))]
    changed = git("diff", "--quiet", "HEAD", "--", *folders).returncode != 0
    last_change = git("log", "-1", "--format=%H", "--", *folders).stdout.strip()
    tag = git("describe", "--tags", "--abbrev=0").stdout.strip()
    commit = named or os.environ.get("PREVIOUS") or tag or ("HEAD" if changed else f"{last_change}~1")
    return git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").stdout.strip()


def build(commit):
    """The folder with the old binaries."""
    folder = f"{PLACE}/{commit[:12]}"
    if not os.path.exists(f"{folder}/built"):
        shutil.rmtree(PLACE, ignore_errors=True)
        os.makedirs(folder)
        archive = subprocess.Popen(["git", "archive", commit], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
        if archive.wait() != 0:
            sys.exit(f"commit {commit} cannot be read")
        subprocess.run(["env", "MAKEFLAGS=", "make", "-j2", "-C", folder, "FLAVOUR=release",
                        "services"], stdout=sys.stderr, check=True, timeout=900)
        with open(f"{folder}/built", "w", encoding="utf-8"):
            pass
    return f"{folder}/build/release/bin"
