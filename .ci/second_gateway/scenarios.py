NAMES = []
def run(program, names, jobs):
    return 0
